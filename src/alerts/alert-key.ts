import { createHash } from 'node:crypto'
import type { Alert } from './alert.ts'

const KEY_BYTES = 16

/**
 * One alert of one webhook, under the same key when it fires and when it is resolved: a hash, so that slots and rows have a bound whatever the
 * sender names its alerts. Without an identity (a payload of the user's own) the rule's name stands for it.
 */
export function alertKeyOf({ identity, alertRule }: Alert, webhook: string): string {
  const text = `${webhook}\n${identity ?? `rule ${alertRule ?? ''}`}`
  return createHash('sha256').update(text).digest().subarray(0, KEY_BYTES).toString('base64url')
}
