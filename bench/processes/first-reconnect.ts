/** Loads an app as the worker does, invokes its reconnect at once, and writes the status of the answer to stdout. */
import { writeSync } from 'node:fs'
import type { RpcHttpRequest } from '../../sandbox/host/core-types.ts'
import { invoke } from '../../sandbox/host/invoke.ts'
import { loadApp } from '../../sandbox/host/load-app.ts'
import { createWorker, type RegisteredFunction } from '../../sandbox/host/worker.ts'

async function main(): Promise<void> {
  const [appRoot, request] = process.argv.slice(2) as [string, string]
  const worker = createWorker(() => {})
  await loadApp(worker, appRoot)
  const route = [...worker.functions.values()].find(
    ({ metadata }) => metadata.name === 'backend-reconnect',
  ) as RegisteredFunction
  const { returnValue } = await invoke(worker, route, {
    data: { http: JSON.parse(request) as RpcHttpRequest },
    metadata: {},
  })
  writeSync(
    1,
    `${returnValue?.http !== undefined && 'statusCode' in returnValue.http ? returnValue.http.statusCode : 'nothing'}\n`,
  )
  // Node writes the compile cache that the app has enabled when the process exits.
  process.exit()
}

void main()
