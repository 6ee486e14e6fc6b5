/** Loads an app's entry point with the core module that the worker provides. The process ends once the functions are registered, since nothing keeps it alive. */
import { createRequire } from 'node:module'
import { createWorker, provideCoreModule } from '../../sandbox/host/worker.ts'

const [entryPoint = ''] = process.argv.slice(2)
const worker = createWorker(() => {})
provideCoreModule(worker)
createRequire(entryPoint)(entryPoint)
process.exitCode = worker.functions.size > 0 ? 0 : 1
