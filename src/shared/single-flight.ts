/** One run at a time: callers that come while it runs get its result, or its rejection. A later caller starts a new run. */
export function createSingleFlight<T>(run: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  return () => {
    if (current !== undefined) return current
    // The slot is filled only while it is empty, so the run that ends is the one in it.
    const clear = (): void => (current = undefined)
    current = (async () => run())()
    void current.then(clear, clear)
    return current
  }
}
