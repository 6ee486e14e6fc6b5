import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startStorage } from '../../sandbox/azure/storage.ts'
import { createSandbox } from '../../sandbox/create-sandbox.ts'
import { NO_STORAGE, startSandbox } from '../support/start-sandbox.ts'
import { call } from './raw-http.ts'
import { storageEndpoints } from './storage-endpoints.ts'

const FIXTURE_APP = fileURLToPath(new URL('fixture-app', import.meta.url))
const STORAGE = 'AccountName=somewhere;TableEndpoint=http://127.0.0.1:1/somewhere'

async function isFree(url: string): Promise<boolean> {
  return call(new URL(url).origin, '/').then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  )
}

describe('the app’s environment', () => {
  let environment: Record<string, string>
  before(async () => {
    const sandbox = await createSandbox({
      appRoot: FIXTURE_APP,
      storage: STORAGE,
      policy: { grants: [] },
      environment: {
        PATH: process.env['PATH'],
        RECONNECT_MODE: 'dry-run',
        ENTRA_TENANT_ID: 'someone else’s',
        AZURE_CLIENT_ID: 'x',
        AZURE_CLIENT_SECRET: 'x',
        WEBSITE_AUTH_ENABLED: 'True',
        AzureWebJobsStorage: 'someone else’s',
        AzureWebJobsStorage__accountName: 'x',
        azurewebjobsstorage__tableServiceUri: 'x',
        MSI_ENDPOINT: 'x',
        HTTPS_PROXY: 'http://proxy.example',
        no_proxy: '*',
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
        NODE_TEST_CONTEXT: 'child-v8',
        npm_config_x: '1',
      },
      env: { EXTRA: 'yes', RECONNECT_POLICY_FILE: undefined },
    })
    environment = (await call(sandbox.info.proxy, '/environment')).json() as Record<string, string>
    await sandbox.stop()
    assert.equal(environment['IDENTITY_HEADER'], sandbox.info.identityHeader)
    assert.equal(environment['IDENTITY_ENDPOINT'], sandbox.info.identityEndpoint)
    assert.equal(environment['ARM_ENDPOINT'], sandbox.info.arm)
    assert.equal(environment['ENTRA_AUTHORITY'], sandbox.info.issuer)
    assert.equal(environment['ENTRA_TENANT_ID'], sandbox.info.tenantId)
    assert.equal(environment['ENTRA_AUDIENCE'], sandbox.info.audience)
    assert.equal(environment['NODE_EXTRA_CA_CERTS'], sandbox.info.armCa)
    assert.deepEqual([environment['AzureWebJobsStorage'], sandbox.info.storage], [STORAGE, STORAGE])
  })

  it('is the one that it would have on Azure, with the policy inline', () => {
    assert.deepEqual(JSON.parse(environment['RECONNECT_POLICY'] as string), { grants: [] })
  })

  it('lets the user’s other settings through', () =>
    assert.deepEqual([environment['RECONNECT_MODE'], environment['EXTRA']], ['dry-run', 'yes']))

  it('removes settings for another platform, identity or storage account, for a proxy, weaker TLS or a test runner', () => {
    const leaked = Object.keys(environment).filter((name) => /^(WEBSITE_|AZURE|MSI_|npm_|NODE_T)|proxy/i.test(name))
    assert.deepEqual(
      leaked.toSorted(),
      ['AzureWebJobsDisableHomepage', 'AzureWebJobsStorage', 'WEBSITE_AUTH_ENABLED'],
      'but for its own storage and home page, and the switch of App Service Authentication, which a user may try',
    )
  })
})

describe('the sandbox', () => {
  it('lets a user’s own policy replace the sandbox’s', async (t) => {
    const sandbox = await startSandbox(t, {
      appRoot: FIXTURE_APP,
      storage: NO_STORAGE,
      environment: { RECONNECT_POLICY: '{"grants":[]}' },
    })
    const environment = (await call(sandbox.info.proxy, '/environment')).json()
    assert.equal(environment.RECONNECT_POLICY, '{"grants":[]}')
  })

  it('is gone after stop, its storage included: no port, no process, no folder', async () => {
    const { info, app, stop } = await createSandbox({ appRoot: FIXTURE_APP })
    const urls = [
      info.proxy,
      info.proxyTls,
      info.arm,
      info.issuer,
      info.control,
      info.identityEndpoint,
      ...storageEndpoints(info.storage),
    ]
    for (const url of urls) assert.equal(await isFree(url), false, url)
    await stop()
    for (const url of urls) assert.ok(await isFree(url), url)
    assert.throws(() => process.kill(app.pid, 0), { code: 'ESRCH' })
    assert.equal(existsSync(info.armCa), false)
  })

  it('uses the storage that it is given, and leaves it alone', async (t) => {
    const storage = await startStorage({ accounts: 2 })
    t.after(() => storage.stop())
    const [first, second] = storage.connectionStrings as [string, string]
    const sandbox = await createSandbox({ appRoot: FIXTURE_APP, storage: second })
    await sandbox.stop()
    assert.deepEqual([sandbox.info.storage, first === second], [second, false])
    for (const url of storageEndpoints(second)) assert.equal(await isFree(url), false, url)
  })

  it('stops while a fault lets ARM hang and a client waits', async () => {
    const sandbox = await createSandbox({ appRoot: FIXTURE_APP, storage: NO_STORAGE })
    sandbox.azure.faults.set([{ target: 'arm', kind: 'hang' }])
    const waiting = call(sandbox.info.arm, '/', { ca: sandbox.azure.caCertificate }).catch(
      (error: NodeJS.ErrnoException) => error.code,
    )
    while (sandbox.azure.journal.counts().received === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await sandbox.stop()
    assert.equal(await waiting, 'ECONNRESET')
  })

  it('reports the end of the app’s process and its exit code', async (t) => {
    const sandbox = await startSandbox(t, { appRoot: FIXTURE_APP, storage: NO_STORAGE })
    await assert.rejects(call(sandbox.info.proxy, '/crash', { method: 'POST' }))
    assert.deepEqual(await sandbox.app.ended, { code: 3, signal: null })
  })

  it('refuses a port that is taken, and leaves nothing running', async (t) => {
    const blocker = createServer().listen(0, '127.0.0.1')
    t.after(() => blocker.close())
    await new Promise((resolve) => blocker.once('listening', resolve))
    const { port } = blocker.address() as AddressInfo
    await assert.rejects(startSandbox(t, { appRoot: FIXTURE_APP, storage: NO_STORAGE, ports: { app: port } }), {
      takenPort: port,
    })
    await assert.rejects(startSandbox(t, { appRoot: FIXTURE_APP, storage: NO_STORAGE, ports: { appTls: port } }), {
      takenPort: port,
    })
    for (const name of ['arm', 'identity', 'issuer', 'control']) {
      await assert.rejects(startSandbox(t, { appRoot: FIXTURE_APP, storage: NO_STORAGE, ports: { [name]: port } }), {
        code: 'EADDRINUSE',
        port,
      })
    }
    const sandbox = await startSandbox(t, {
      appRoot: FIXTURE_APP,
      storage: NO_STORAGE,
      ports: { app: port },
      orFreeAppPort: true,
    })
    assert.notEqual(new URL(sandbox.info.proxy).port, String(port))
  })
})

describe('an app that cannot be served', () => {
  const host = JSON.stringify({ version: '2.0', extensions: { http: { routePrefix: '' } } })
  const withApp = (code: string) => ({ 'package.json': '{"main":"index.cjs"}', 'host.json': host, 'index.cjs': code })
  const functions = `const { app } = require(${JSON.stringify(fileURLToPath(new URL('../../node_modules/@azure/functions', import.meta.url)))});`
  for (const [what, files, message] of [
    [
      'that is not built',
      { 'package.json': '{"main":"dist/index.cjs"}', 'host.json': host },
      /dist\/index\.cjs does not exist: run "npm run build" first/,
    ],
    ['without main', { 'package.json': '{}', 'host.json': host }, /no "main"/],
    ['without host.json', { 'package.json': '{}' }, /no host\.json/],
    ['that registers nothing', withApp(''), /registered no function/],
    ['that throws while loading', withApp('throw new Error("not today")'), /not today/],
    [
      'whose function needs a key',
      withApp(`${functions} app.http('f', { authLevel: 'function', handler() {} })`),
      /"f" has authLevel "function"/,
    ],
    [
      'with a trigger that is not served',
      withApp(`${functions} app.timer('t', { schedule: '0 * * * * *', handler() {} })`),
      /"t" has a trigger that this host does not serve/,
    ],
    [
      'with a route that the host reserves',
      withApp(`${functions} app.http('f', { authLevel: 'anonymous', route: 'admin/x', handler() {} })`),
      /reserves/,
    ],
    [
      'with two functions of one name',
      withApp(`${functions} for (const _ of [1, 2]) app.http('f', { authLevel: 'anonymous', handler() {} })`),
      /already been registered/,
    ],
    [
      'that switches streaming on',
      withApp(
        `${functions} app.setup({ enableHttpStream: true }); app.http('f', { authLevel: 'anonymous', handler() {} })`,
      ),
      /streaming/,
    ],
  ] as [string, Record<string, string>, RegExp][]) {
    it(`is refused in a sentence: one ${what}`, async (t) => {
      const appRoot = await mkdtemp(join(tmpdir(), 'app-'))
      t.after(() => rm(appRoot, { recursive: true }))
      for (const [name, text] of Object.entries(files)) await writeFile(join(appRoot, name), text)
      await assert.rejects(startSandbox(t, { appRoot, storage: NO_STORAGE }), { message })
    })
  }
})
