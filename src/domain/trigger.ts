/** What caused a reconnect to be asked for. */
export type Trigger = { readonly kind: 'http' } | AlertTrigger

export interface AlertTrigger {
  readonly kind: 'webhook'
  /** Name of the webhook, as in the policy. */
  readonly webhook: string
  /** The sender's id of the alert, if it has one. */
  readonly alertId?: string
  readonly alertRule?: string
}
