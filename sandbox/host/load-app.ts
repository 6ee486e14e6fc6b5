import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { executeHooks, readOnly } from './hooks.ts'
import { provideCoreModule, type Worker } from './worker.ts'

/** Thrown for an app that cannot be served; its message is meant for the person who started the host. */
export class AppLoadError extends Error {
  override readonly name = 'AppLoadError'
}

/** What the worker tells the host that it can do; the host shapes its messages accordingly. */
const WORKER_CAPABILITIES: Readonly<Record<string, string>> = {
  RawHttpBodyBytes: 'true',
  RpcHttpTriggerMetadataRemoved: 'true',
  RpcHttpBodyOnly: 'true',
  IgnoreEmptyValuedRpcHttpHeaders: 'true',
  UseNullableValueDictionaryForHttp: 'true',
  WorkerStatus: 'true',
  TypedDataCollection: 'true',
  HandlesWorkerTerminateMessage: 'true',
}

/**
 * Loads the app as the worker does: `main` of package.json – CommonJS by `require`, ES modules by `import` –, then the appStart
 * hooks, then no more registrations. `main` as a glob pattern, which the worker also takes, is not supported.
 */
export async function loadApp(worker: Worker, appRoot: string): Promise<void> {
  const packageJson = JSON.parse(await readFile(join(appRoot, 'package.json'), 'utf8')) as {
    main?: string
    type?: string
  }
  if (packageJson.main === undefined)
    throw new AppLoadError('package.json has no "main", so the Functions worker would load nothing.')
  const entryPoint = join(appRoot, packageJson.main)
  if (!existsSync(entryPoint)) throw new AppLoadError(`${packageJson.main} does not exist: run "npm run build" first.`)

  provideCoreModule(worker)
  const isModule = entryPoint.endsWith('.mjs') || (packageJson.type === 'module' && !entryPoint.endsWith('.cjs'))
  if (isModule) await import(pathToFileURL(entryPoint).href)
  else createRequire(pathToFileURL(entryPoint))(entryPoint)

  const data = readOnly({ hookData: worker.appLevelOnlyHookData, appHookData: worker.appHookData })
  await executeHooks(
    worker,
    'appStart',
    Object.defineProperties({ functionAppDirectory: appRoot }, Object.getOwnPropertyDescriptors(data)),
  )

  const model = worker.programmingModel
  if (model === undefined || worker.functions.size === 0)
    throw new AppLoadError(`${packageJson.main} registered no function.`)
  const capabilities = (await model.getCapabilities?.({ ...WORKER_CAPABILITIES })) ?? {}
  if (capabilities['HttpUri'] !== undefined)
    throw new AppLoadError('The app switches HTTP streaming on, which this host does not do.')
  worker.startupFinished = true
}
