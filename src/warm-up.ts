import { enableCompileCache, flushCompileCache } from 'node:module'
import { once } from './shared/once.ts'

/** Time for the worker to tell the host that the functions are registered, before the large modules are read. */
const AFTER_REGISTRATION_MS = 20
/** Long enough after the start for the cache to be written beside nobody's first request. */
const FLUSH_AFTER_MS = 5_000

/** Reads what handles requests. A failure is not kept: the next request reads again. */
export const readApplication = once(async () => {
  // Keeps V8's compiled code between starts of an instance, where the temporary folder can be written; elsewhere it does nothing.
  enableCompileCache()
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref()
  return import('./functions/handle.ts')
})

/**
 * Reads what the first request will need while the host is still indexing: configuration, token verification, SDK.
 * Storage is asked for the queues that the host polls; ARM is not asked for anything. What fails here fails again, and is reported, where it is needed.
 */
export function warmUp(): void {
  setTimeout(() => {
    readApplication()
      .then(({ warm }) => warm())
      .catch(() => undefined)
  }, AFTER_REGISTRATION_MS).unref()
}
