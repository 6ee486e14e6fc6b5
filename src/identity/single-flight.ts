/** One run at a time: whoever asks while it runs gets its answer. `run` must not reject. */
export function createSingleFlight<T>(run: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined
  async function fly(): Promise<T> {
    try {
      return await run()
    } finally {
      // Nobody else can have taken the slot: it is only filled when empty.
      current = undefined
    }
  }
  return () => (current ??= fly())
}
