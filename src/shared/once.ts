/**
 * Gives every caller the result of one call of `make`. A rejection is not kept: callers that waited for it get it, and the next caller starts
 * again. For work that succeeds once and for all, such as reading a module.
 */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    if (made !== undefined) return made
    // `make` may throw before its first wait: that is a rejection as well, and comes after the assignment.
    made = (async () => make())()
    made.catch(() => (made = undefined))
    return made
  }
}
