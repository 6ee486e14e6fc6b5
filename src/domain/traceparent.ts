/** "Trace Context" (W3C Recommendation), "traceparent Header": version, trace id, parent id and flags; an id of zeros only and version ff are invalid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** 55 characters, or undefined. Later versions may be longer and are not needed: they are absent then. */
export function parseTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined
}
