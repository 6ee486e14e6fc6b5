import type { Deadline } from '../shared/deadline.ts'

/**
 * Waits for work that others share, no longer than the caller has; undefined when the deadline came first. The work goes on: one caller's
 * haste must not cost the others their answer.
 */
export async function within<T>(work: Promise<T>, deadline: Deadline): Promise<T | undefined> {
  const { signal } = deadline
  if (signal.aborted) return undefined
  let giveUp = (): void => {}
  const givenUp = new Promise<undefined>((resolve) => {
    giveUp = () => resolve(undefined)
  })
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([work, givenUp])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
