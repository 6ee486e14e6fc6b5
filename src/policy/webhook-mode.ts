import type { Mode } from '../domain/mode.ts'
import type { Webhook } from './policy-document.ts'

/** The mode that counts for alerts of one webhook: its own `dry-run` narrows the mode of the app and never widens it (contract, section 5). */
export function modeOfWebhook(mode: Mode, webhook: Pick<Webhook, 'mode'>): Mode {
  return mode === 'on' && webhook.mode === 'dry-run' ? 'dry-run' : mode
}
