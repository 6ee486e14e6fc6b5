/** The parts of the bundle: what each may weigh, and that what is left out of them, or read late, changes nothing that the app does. */
import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { APP_ROOT } from '../../sandbox/create-sandbox.ts'
import type { BackendClient } from '../../src/arm/client-pool.ts'
import type * as azureQueue from '../../src/azure-queue.ts'
import type * as azureSdk from '../../src/azure-sdk.ts'
import type * as developerSignIn from '../../src/developer-sign-in.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { aDuration, aPermit, IDS } from '../support/builders.ts'
import { respond, respondJson, serveScript, startScriptedServer, type Received } from '../support/scripted-server.ts'
import { createTlsAuthority, trust } from '../support/tls-authority.ts'

const part = createRequire(join(APP_ROOT, 'index.cjs'))
const bundled = part('./azure-sdk.cjs') as typeof azureSdk
const whole = await import('../../src/azure-sdk.ts')
const authority = createTlsAuthority()
trust(authority)

/** A few per cent above what they have. A part that grows beyond it has got code that V8 reads at each start: look where it comes from. */
const MAX_BYTES: Readonly<Record<string, number>> = {
  'index.cjs': 85_000,
  'application.cjs': 380_000,
  'azure-sdk.cjs': 580_000,
  'azure-queue.cjs': 265_000,
  'azure-xml.cjs': 85_000,
  'developer-sign-in.cjs': 35_000,
}

describe('the parts of the bundle', () => {
  for (const [name, maxBytes] of Object.entries(MAX_BYTES))
    it(`${name} has at most ${maxBytes} bytes`, async () => {
      const { size } = await stat(join(APP_ROOT, name))
      assert.ok(size <= maxBytes, `${name} has ${size} bytes`)
    })
})

describe('the client of Azure Resource Manager in the bundle', () => {
  const ERROR = {
    error: {
      code: 'ResourceNotFound',
      message: 'no such backend',
      details: [{ code: 'X', message: 'y', target: 'z' }],
    },
  }

  /** One reconnect by an instance's first client, and what ARM received. */
  async function send(sdk: typeof azureSdk, after: string | undefined, step: ReturnType<typeof respond>) {
    const server = await startScriptedServer([step], authority.issue('ARM', ['127.0.0.1']))
    try {
      const token = { token: 'T', expiresOnTimestamp: systemClock.now() + 3_600_000 }
      const clients = sdk.createClientPool({
        endpoint: server.origin,
        tokenScope: `${server.origin}/.default`,
        currentToken: () => token,
      })
      const permit = aPermit(after === undefined ? {} : { after: aDuration(after) })
      const answer = await sdk.sendReconnect(permit, IDS, { clients, clock: systemClock, timeoutMs: 10_000 })
      assert.equal(server.received.length, 1)
      return { answer: JSON.stringify(answer), received: toComparable(server.received[0] as Received) }
    } finally {
      await server.close()
    }
  }

  function toComparable({ method, url, headers, body }: Received) {
    const { host: _, ...others } = headers
    return { method, url, headers: others, body }
  }

  for (const [name, after, step] of [
    ['without a body', undefined, respond(202, { headers: { 'x-ms-request-id': 'r' } })],
    ['with a time', 'PT5M', respond(202)],
    ['that ARM refuses', 'PT5M', respondJson(404, ERROR, { 'x-ms-error-code': 'ResourceNotFound' })],
    ['whose answer is no JSON', undefined, respond(503, { headers: { 'retry-after': '7' }, body: '<html>' })],
  ] as const)
    it(`sends and reads a reconnect ${name} as the whole SDK does`, async () => {
      assert.deepEqual(await send(bundled, after, step), await send(whole, after, step))
    })

  it('refuses by name what was left out', () => {
    const { get } = bundled.createClientPool({ endpoint: 'https://x', tokenScope: 'x', currentToken: () => undefined })
    const client = get(IDS.correlationId, '2024-05-01') as BackendClient & { api: { get(): unknown } }
    assert.throws(() => client.api.get(), /left out of the bundle: get/)
  })
})

describe('a table of the bundle', () => {
  const open = (endpoint: string) =>
    bundled.openTables(
      {
        kind: 'connection-string',
        connectionString: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=${Buffer.from('k').toString('base64')};TableEndpoint=${endpoint}/a`,
        allowHttp: true,
      },
      '',
      () => assert.fail('no identity is asked for'),
    ).backends

  it('understands a refusal in XML, whose parser is a part of its own', async (t) => {
    const body =
      '<?xml version="1.0" encoding="utf-8"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><code>AuthorizationFailure</code><message xml:lang="en-US">not allowed</message></error>'
    const refusal = respond(403, { headers: { 'content-type': 'application/xml' }, body })
    const server = await serveScript(t, refusal)
    await assert.rejects(open(server.origin).getEntity('p', 'r'), { statusCode: 403, code: 'AuthorizationFailure' })
  })
})

describe('the queue of the bundle', () => {
  const { openQueues } = part('./azure-queue.cjs') as typeof azureQueue
  const names = { deliver: 'd', poison: 'p' }
  const open = (origin: string) =>
    openQueues(
      {
        kind: 'connection-string',
        connectionString: `DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==;QueueEndpoint=${origin}/a`,
        allowHttp: true,
      },
      names,
      () => assert.fail('no identity is asked for'),
    ).deliver

  it('is opened by a part of its own', () => {
    const { deliver } = openQueues(
      {
        kind: 'identity',
        tableUri: 'https://t',
        queueUri: 'https://q.example',
        credential: { kind: 'managed-identity' },
      },
      names,
      () => ({ getToken: () => Promise.resolve(null) }),
    )
    assert.equal(deliver.url, 'https://q.example/d')
  })

  it('is reached through the proxy that the environment names', async (t) => {
    const storage = await startScriptedServer([respond(201)], authority.issue('storage', ['localhost']))
    t.after(() => storage.close())
    const targets: unknown[] = []
    const proxy = createServer().on('connect', ({ url = '' }, client) => {
      targets.push(`https://${url}`)
      const port = url.split(':')[1]
      const tunnel = connect(Number(port), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        tunnel.pipe(client).pipe(tunnel)
      })
      t.after(() => tunnel.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    t.after(() => proxy.close())
    setForTest(t, { HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
    const address = storage.origin.replace('127.0.0.1', 'localhost')
    await open(address).create()
    assert.deepEqual(targets, [address])
  })
})

describe('the sign-in of a developer in the bundle', () => {
  it('takes the token of the Azure CLI', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'tools-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const token = { accessToken: 'from az', expires_on: Math.floor(systemClock.now() / 1_000) + 3_600 }
    await writeFile(join(folder, 'az'), `#!/bin/sh\necho '${JSON.stringify(token)}'\n`)
    await writeFile(join(folder, 'az.cmd'), `@echo ${JSON.stringify(token)}\r\n`)
    await chmod(join(folder, 'az'), 0o755)
    setForTest(t, { PATH: [folder, process.env['PATH']].join(delimiter) })
    const { createDeveloperCredential } = part('./developer-sign-in.cjs') as typeof developerSignIn
    const given = await createDeveloperCredential().getToken('https://management.azure.com/.default')
    assert.equal(given?.token, 'from az')
  })
})

function setForTest(t: TestContext, settings: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(settings)) {
    const before = process.env[name]
    process.env[name] = value
    t.after(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
}
