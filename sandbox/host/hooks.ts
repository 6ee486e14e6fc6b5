import type { HookName, Worker } from './worker.ts'

/** Runs the hooks of one name in the order in which they were registered, each awaited. */
export async function executeHooks(worker: Worker, name: HookName, context: object): Promise<void> {
  for (const callback of worker.hooks[name].slice()) await callback(context)
}

/** Makes properties read-only as the worker does: an assignment throws an error with the property's name. */
export function readOnly<T extends object>(values: T): T {
  const context = {}
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(context, name, {
      enumerable: true,
      get: () => value as unknown,
      set: () => {
        throw new TypeError(`Cannot assign to read only property '${name}'`)
      },
    })
  }
  return context as T
}
