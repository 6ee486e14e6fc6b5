/** The outcome of one POST, not yet interpreted. */
export type ArmAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly header: (name: string) => string | undefined
      readonly body: string
    }
  /** The request was not sent: no connection, no TLS, or the time ended before. */
  | { readonly kind: 'not_sent'; readonly detail: string; readonly timedOut: boolean }
  /** It was sent, and no complete answer came back: the outcome is unknown. */
  | { readonly kind: 'lost'; readonly detail: string; readonly timedOut: boolean }
