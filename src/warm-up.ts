import { enableCompileCache, flushCompileCache } from 'node:module'

/** Time for the worker to tell the host that the functions are registered, before the large modules are read. */
const AFTER_REGISTRATION_MS = 20

/**
 * Reads what the first request will need while the host is still indexing: configuration, token verification, SDK. No request is
 * made to the identity endpoint or to ARM. What fails here fails again, and is reported, where it is needed.
 */
export function warmUp(): void {
  setTimeout(() => void load().catch(() => undefined), AFTER_REGISTRATION_MS).unref()
}

async function load(): Promise<void> {
  // Keeps V8's compiled code between starts of an instance, where the temporary folder can be written; elsewhere it does nothing.
  enableCompileCache()
  const { warm } = await import('./functions/handle.ts')
  await warm()
  flushCompileCache()
}
