import Module from 'node:module'
import type {
  FunctionCallback,
  FunctionMetadata,
  HookCallback,
  LogCategory,
  LogLevel,
  LogSink,
  ProgrammingModel,
} from './core-types.ts'
import { createWorkerLife, type WorkerLife } from './worker-life.ts'

/** The versions that this worker speaks for; libraries read them to decide what they may use. */
const WORKER_VERSION = '3.13.0'
const HOST_VERSION = '4.1046.100'

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata
  readonly callback: FunctionCallback
}

/** What the Node.js worker remembers about the one app it runs. */
export interface Worker {
  readonly functions: Map<string, RegisteredFunction>
  readonly hooks: Readonly<Record<HookName, HookCallback[]>>
  readonly appHookData: Record<string, unknown>
  readonly appLevelOnlyHookData: Record<string, unknown>
  programmingModel: ProgrammingModel | undefined
  /** Once set, functions can no longer be registered or removed. */
  startupFinished: boolean
  readonly log: LogSink
  readonly life: WorkerLife
}

/** Log hooks, which newer workers also have, are refused as by an older one. */
export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation'

export function createWorker(log: LogSink, functionTimeoutMs?: number): Worker {
  return {
    functions: new Map(),
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [] },
    appHookData: {},
    appLevelOnlyHookData: {},
    programmingModel: undefined,
    startupFinished: false,
    log,
    life: createWorkerLife(functionTimeoutMs),
  }
}

/**
 * Answers `require('@azure/functions-core')` as the worker does: the module is in no registry and in no bundle. Every `require` of the
 * process is intercepted, for good, so that a process can serve one app only.
 */
export function provideCoreModule(worker: Worker): void {
  const core = createCoreModule(worker)
  Module.prototype.require = new Proxy(Module.prototype.require, {
    apply: (target, self, args: [string]) =>
      args[0] === '@azure/functions-core' ? core : Reflect.apply(target, self, args),
  })
}

function createCoreModule(worker: Worker): object {
  return {
    version: WORKER_VERSION,
    hostVersion: HOST_VERSION,
    registerHook(name: string, callback: HookCallback) {
      const hooks = Object.hasOwn(worker.hooks, name) ? worker.hooks[name as HookName] : undefined
      if (hooks === undefined) throw systemError(new RangeError(`Unrecognized hook "${name}"`))
      hooks.push(callback)
      return new Disposable(() => {
        const index = hooks.indexOf(callback)
        if (index >= 0) hooks.splice(index, 1)
      })
    },
    setProgrammingModel(model: ProgrammingModel) {
      worker.programmingModel = model
    },
    getProgrammingModel: () => worker.programmingModel,
    registerFunction(metadata: FunctionMetadata, callback: FunctionCallback) {
      if (worker.startupFinished) throw systemError(new Error('A function can only be registered during app startup.'))
      const functionId = metadata.functionId ?? metadata.name
      if (worker.functions.has(functionId))
        throw systemError(new Error(`A function with id "${functionId}" has already been registered.`))
      worker.functions.set(functionId, { metadata, callback })
      return new Disposable(() => {
        if (worker.startupFinished) throw systemError(new Error('A function can only be disposed during app startup.'))
        worker.functions.delete(functionId)
      })
    },
    log(level: LogLevel, category: LogCategory, message: string) {
      worker.log({ level, category, message })
    },
    Disposable,
  }
}

class Disposable {
  #onDispose: (() => unknown) | undefined

  constructor(onDispose: () => unknown) {
    this.#onDispose = onDispose
  }

  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose()
    })
  }

  dispose(): unknown {
    const onDispose = this.#onDispose
    this.#onDispose = undefined
    return onDispose?.()
  }
}

/** The library tells the platform's own errors from the app's by this mark. */
function systemError<E extends Error>(error: E): E {
  return Object.assign(error, { isAzureFunctionsSystemError: true })
}
