import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AccessToken } from '@azure/identity'
import type { ArmCredential } from '../../../src/config/config.ts'
import { createOwnTokens, type OwnTokens } from '../../../src/managed-identity/own-tokens.ts'
import { aDeadline } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS, type FakeClock } from '../../support/fake-clock.ts'

const SYSTEM: ArmCredential = { kind: 'managed-identity' }
const OTHER: ArmCredential = { kind: 'managed-identity', clientId: '66666666-7777-8888-9999-000000000000' }
const BY_IDENTITY = {
  kind: 'identity',
  tableUri: 'https://t.example',
  queueUri: 'https://q.example',
  credential: SYSTEM,
} as const
const never = (): Promise<never> => new Promise(() => undefined)

interface Scene {
  readonly clock: FakeClock
  readonly tokens: OwnTokens
  /** Identity and scope of every request. */
  readonly asked: readonly string[]
  answer: () => Promise<AccessToken | null>
}

function setUp(answer?: () => Promise<AccessToken | null>): Scene {
  const clock = createFakeClock()
  const asked: string[] = []
  const scene: Scene = {
    clock,
    asked,
    answer: answer ?? (async () => ({ token: `t${asked.length}`, expiresOnTimestamp: START_EPOCH_MS + 3_600_000 })),
    tokens: createOwnTokens(
      async (identity) => ({
        getToken: (scope) => {
          asked.push(`${JSON.stringify(identity)} ${String(scope)}`)
          return scene.answer()
        },
      }),
      clock,
    ),
  }
  return scene
}

describe('the tokens of this app', () => {
  test('for one identity and scope come from one source, for others from others', async () => {
    const { clock, tokens, asked } = setUp()
    await Promise.all(
      [
        tokens.source(SYSTEM, 'a/.default'),
        tokens.source({ kind: 'managed-identity' }, 'a/.default'),
        tokens.source(SYSTEM, 'b/.default'),
        tokens.source(OTHER, 'a/.default'),
      ].map((source) => source.get(aDeadline(clock))),
    )
    assert.deepEqual(asked, [
      `${JSON.stringify(SYSTEM)} a/.default`,
      `${JSON.stringify(SYSTEM)} b/.default`,
      `${JSON.stringify(OTHER)} a/.default`,
    ])
  })

  test('are asked for again after the code for it could not be read', async () => {
    const clock = createFakeClock()
    let loads = 0
    const tokens = createOwnTokens(async () => {
      loads += 1
      if (loads === 1) throw new Error('too many open files')
      return { getToken: async () => ({ token: 't', expiresOnTimestamp: START_EPOCH_MS + 3_600_000 }) }
    }, clock)
    const source = tokens.source(SYSTEM, 'a')
    assert.deepEqual(await source.get(aDeadline(clock)), { ok: false, error: 'Error: too many open files' })
    await clock.advance(1_000)
    assert.equal((await source.get(aDeadline(clock))).ok, true)
  })
})

describe('the credential for storage', () => {
  test('asks once for tables and queue together, for storage and for no other scope that a server names', async () => {
    const { tokens, asked } = setUp()
    const [tables, queue] = [tokens.storageCredential(SYSTEM), tokens.storageCredential(SYSTEM)]
    const given = await Promise.all([
      tables.getToken('https://storage.azure.com/.default'),
      queue.getToken(['https://vault.example/.default']),
    ])
    assert.deepEqual(
      given.map((token) => token?.token),
      ['t1', 't1'],
    )
    assert.deepEqual(asked, [`${JSON.stringify(SYSTEM)} https://storage.azure.com/.default`])
  })

  test('gives the SDK nothing to keep', async () => {
    const { tokens } = setUp()
    assert.equal((await tokens.storageCredential(SYSTEM).getToken('s'))?.expiresOnTimestamp, 0)
  })

  test('fails when the identity endpoint hangs: as soon as the call is given up, and after 5 s at the latest', async () => {
    const { clock, tokens } = setUp(never)
    const credential = tokens.storageCredential(SYSTEM)
    const given = new AbortController()
    const hasty = assert.rejects(
      credential.getToken('s', { abortSignal: given.signal }),
      /No token for storage: the identity endpoint did not answer/,
    )
    let ended = false
    const patient = assert.rejects(credential.getToken('s')).then(() => (ended = true))
    await clock.advance(0)
    given.abort()
    await hasty
    await clock.advance(4_999)
    assert.equal(ended, false)
    await clock.advance(1)
    await patient
  })

  test('fails at once while the identity endpoint has just failed', async () => {
    const { tokens, asked } = setUp(() => Promise.reject(new Error('no identity here')))
    const credential = tokens.storageCredential(SYSTEM)
    for (let call = 0; call < 20; call += 1) await assert.rejects(credential.getToken('s'), /no identity here/)
    assert.equal(asked.length, 1)
  })

  test('brings a new token after storage has refused one: the SDK then names a tenant', async () => {
    const { tokens, asked } = setUp()
    const credential = tokens.storageCredential(SYSTEM)
    await credential.getToken('s')
    assert.equal((await credential.getToken('s', { tenantId: 'x' }))?.token, 't2')
    assert.equal((await credential.getToken('s', { tenantId: 'x' }))?.token, 't2', 'not again within half a minute')
    assert.equal(asked.length, 2)
  })
})

describe('waiting for the first token for storage', () => {
  test('ends with the token, or after 4 s, and goes on behind it', async () => {
    let answer: (token: AccessToken) => void = () => undefined
    const { clock, tokens, asked } = setUp(() => new Promise((resolve) => (answer = resolve)))
    let ready = false
    const waiting = tokens.storageReady(BY_IDENTITY).then(() => (ready = true))
    await clock.advance(3_999)
    assert.equal(ready, false)
    await clock.advance(1)
    await waiting
    answer({ token: 't', expiresOnTimestamp: START_EPOCH_MS + 3_600_000 })
    assert.equal((await tokens.storageCredential(SYSTEM).getToken('s'))?.token, 't')
    assert.equal(asked.length, 1)
  })

  test('never rejects', async () => {
    const { tokens } = setUp(() => Promise.reject(new Error('no identity here')))
    await tokens.storageReady(BY_IDENTITY)
  })

  test('is not needed with a connection string', async () => {
    const { tokens, asked } = setUp(never)
    await tokens.storageReady({ kind: 'connection-string', connectionString: 'x', allowHttp: false })
    assert.deepEqual(asked, [])
  })
})
