/** Thrown from every invocation that was running when the worker had to be restarted. */
export class WorkerLost extends Error {
  override readonly name = 'WorkerLost'
}

/**
 * `functionTimeout` of host.json. When one invocation takes longer, the host restarts the worker, and every other invocation in it fails as
 * well. A handler that never yields (an endless loop) is not ended: it blocks the local host, which shares its process.
 */
export interface WorkerLife {
  /** The outcome of the work, or `WorkerLost`. */
  within<T>(functionName: string, invocationId: string, work: Promise<T>): Promise<T>
  /** Resolves when an invocation has exceeded the limit: nothing may run in this process after that. */
  readonly lost: Promise<WorkerLost>
}

/** `setTimeout` takes no longer times. */
const MAX_TIMEOUT_MS = 2_147_483_647

export function createWorkerLife(functionTimeoutMs: number | undefined): WorkerLife {
  const { promise: lost, resolve: lose } = Promise.withResolvers<WorkerLost>()
  const running = new Set<(reason: WorkerLost) => void>()
  void lost.then((reason) => running.forEach((fail) => fail(reason)))

  return {
    lost,
    async within(functionName, invocationId, work) {
      const { promise: failed, reject: fail } = Promise.withResolvers<never>()
      running.add(fail)
      const timer =
        functionTimeoutMs === undefined
          ? undefined
          : setTimeout(
              () =>
                lose(
                  new WorkerLost(
                    `Timeout value of ${toTimeSpan(functionTimeoutMs)} exceeded by function 'Functions.${functionName}' (Id: '${invocationId}'). Initiating cancellation.`,
                  ),
                ),
              Math.min(functionTimeoutMs, MAX_TIMEOUT_MS),
            )
      try {
        return await Promise.race([work, failed])
      } finally {
        clearTimeout(timer)
        running.delete(fail)
      }
    },
  }
}

function toTimeSpan(ms: number): string {
  return [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1_000) % 60]
    .map((part) => String(Math.trunc(part)).padStart(2, '0'))
    .join(':')
}
