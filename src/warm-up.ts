import { enableCompileCache, flushCompileCache } from 'node:module'
import { once } from './shared/once.ts'

/** Lets the worker report the registered functions to the host before the large modules are loaded. */
const AFTER_REGISTRATION_MS = 20
/** Long enough after the start that writing the cache does not delay a first request. */
const FLUSH_AFTER_MS = 5_000

/** Loads the code that handles requests, once. A failure is not cached: the next request loads again. */
export const readApplication = once(async () => {
  // Keeps V8's compiled code between starts of an instance if the temporary folder is writable; otherwise it does nothing.
  enableCompileCache()
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref()
  return import('./functions/handle.ts')
})

/**
 * Loads what the first request needs while the host is still indexing: configuration, token verification, SDK. Then it creates the queues that
 * the host polls. It sends no request to ARM. A failure here is ignored: the first request fails in the same way and reports it.
 */
export function warmUp(): void {
  setTimeout(() => {
    readApplication()
      .then(({ warm }) => warm())
      .catch(() => undefined)
  }, AFTER_REGISTRATION_MS).unref()
}
