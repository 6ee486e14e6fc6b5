/** Core Tools are not installed everywhere: a script named `func` in their place shows that they are started with the right arguments and environment, and ended. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSandbox } from '../../sandbox/create-sandbox.ts'
import { startFuncProcess } from '../../sandbox/func-process.ts'
import { NO_STORAGE } from '../support/start-sandbox.ts'
import { call } from './raw-http.ts'

const FUNC = `#!/usr/bin/env node
const { writeFileSync } = require('node:fs')
writeFileSync(process.env.SEEN, JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd(), env: process.env }))
require('node:http').createServer((request, response) => response.end(request.url)).listen(Number(process.argv[4]), '127.0.0.1')
`

test('func start runs in the simulated environment, behind TLS, and ends with the sandbox', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'apim-reconnect-func-'))
  t.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'func'), FUNC)
  await chmod(join(folder, 'func'), 0o755)
  const seen = join(folder, 'seen.json')
  const sandbox = await createSandbox({
    startApp: startFuncProcess,
    storage: NO_STORAGE,
    ports: { app: await freePort() },
    environment: { PATH: `${folder}:${process.env['PATH']}`, SEEN: seen },
  })
  try {
    const { argv, env } = JSON.parse(await readFile(seen, 'utf8')) as { argv: string[]; env: Record<string, string> }
    assert.deepEqual(argv, ['start', '--port', new URL(sandbox.info.proxy).port])
    assert.equal(env['ARM_ENDPOINT'], sandbox.info.arm)
    assert.equal(env['AzureWebJobsStorage'], NO_STORAGE)
    assert.equal(env['FUNCTIONS_WORKER_RUNTIME'], 'node')
    assert.equal(
      (await call(sandbox.info.proxyTls, '/somewhere?x=1', { ca: sandbox.azure.caCertificate })).text,
      '/somewhere?x=1',
    )
  } finally {
    await sandbox.stop()
  }
  await assert.rejects(fetch(sandbox.info.proxy))
})

test('without Core Tools on PATH it says so in a sentence', async () => {
  await assert.rejects(
    createSandbox({
      startApp: startFuncProcess,
      storage: NO_STORAGE,
      ports: { app: await freePort() },
      environment: { PATH: '/nowhere' },
    }),
    /Core Tools are not on PATH/,
  )
})

/** Core Tools take a port and no zero. */
async function freePort(): Promise<number> {
  const { createServer } = await import('node:net')
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
