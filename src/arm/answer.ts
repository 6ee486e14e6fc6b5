/** What one POST came to, before anything is made of it. */
export type ArmAnswer =
  | {
      readonly kind: 'answered'
      readonly status: number
      readonly header: (name: string) => string | undefined
      readonly body: string
    }
  /** The request never left: no connection, no TLS, or the time ran out before. */
  | { readonly kind: 'not_sent'; readonly detail: string; readonly timedOut: boolean }
  /** It left, and no whole answer came back: the outcome is unknown. */
  | { readonly kind: 'lost'; readonly detail: string; readonly timedOut: boolean }
