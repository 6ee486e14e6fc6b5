/** What made somebody ask for a reconnect. */
export type Trigger = { readonly kind: 'http' } | AlertTrigger

export interface AlertTrigger {
  readonly kind: 'webhook'
  /** Name of the webhook, as in the policy. */
  readonly webhook: string
  /** The sender's own id of the alert, where it has one. */
  readonly alertId?: string
  readonly alertRule?: string
}
