import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AccessToken, TokenCredential } from '@azure/identity'
import { createTokenSource, type TokenSource } from '../../../src/managed-identity/token-source.ts'
import { aDeadline } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS, type FakeClock } from '../../support/fake-clock.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

interface FakeCredential extends TokenCredential {
  /** Requests so far, each with the scope that it asked for. */
  readonly scopes: unknown[]
  next: () => Promise<AccessToken | null>
}

function aToken(name: string, lifetimeMs: number): AccessToken {
  return { token: name, expiresOnTimestamp: START_EPOCH_MS + lifetimeMs }
}

function setUp(first: () => Promise<AccessToken | null>): {
  clock: FakeClock
  credential: FakeCredential
  tokens: TokenSource
} {
  const clock = createFakeClock()
  const credential: FakeCredential = {
    scopes: [],
    next: first,
    getToken(scope) {
      credential.scopes.push(scope)
      return credential.next()
    },
  }
  return {
    clock,
    credential,
    tokens: createTokenSource(() => Promise.resolve(credential), 'https://arm.example/.default', clock),
  }
}

const never = (): Promise<never> => new Promise(() => undefined)
const failing = (): Promise<never> => Promise.reject(new Error('no identity here'))

describe('asking', () => {
  test('fifty callers at once cost one request, for the scope of ARM', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    const results = await Promise.all(Array.from({ length: 50 }, () => tokens.get(aDeadline(clock))))
    assert.ok(results.every((result) => result.ok && result.value.token === 'a'))
    assert.deepEqual(credential.scopes, ['https://arm.example/.default'])
  })

  test('a token that is held is used again, and is what the SDK is given', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    assert.equal(tokens.current(), undefined)
    await tokens.get(aDeadline(clock))
    await tokens.get(aDeadline(clock))
    assert.equal(credential.scopes.length, 1)
    assert.equal(tokens.current()?.token, 'a')
  })

  test('no timer is left behind', async () => {
    const { clock, tokens } = setUp(async () => aToken('a', HOUR_MS))
    await tokens.get(aDeadline(clock))
    await clock.advance(0)
    assert.equal(clock.sleeping(), 0)
  })
})

describe('refusing', () => {
  for (const lifetimeMs of [-100_000, 0, 29_999]) {
    test(`a token with ${lifetimeMs} ms left is not good`, async () => {
      const { clock, tokens } = setUp(async () => aToken('a', lifetimeMs))
      assert.deepEqual(await tokens.get(aDeadline(clock)), {
        ok: false,
        error: 'the credential returned no token that is still valid',
      })
      assert.equal(tokens.current(), undefined)
    })
  }

  test('no token is not good', async () => {
    const { clock, tokens } = setUp(async () => null)
    assert.equal((await tokens.get(aDeadline(clock))).ok, false)
  })

  test("the credential's error becomes a detail", async () => {
    const { clock, tokens } = setUp(failing)
    assert.deepEqual(await tokens.get(aDeadline(clock)), { ok: false, error: 'Error: no identity here' })
  })

  test('a credential that throws at once, or something that is no error, is an error like any other', async () => {
    const { clock, tokens } = setUp(() => {
      // oxlint-disable-next-line no-throw-literal -- libraries do
      throw 'text'
    })
    assert.deepEqual(await tokens.get(aDeadline(clock)), { ok: false, error: 'the credential failed' })
  })

  test('a module that cannot be read is an error like any other', async () => {
    const clock = createFakeClock()
    const tokens = createTokenSource(() => Promise.reject(new Error('unreadable')), 's', clock)
    assert.deepEqual(await tokens.get(aDeadline(clock)), { ok: false, error: 'Error: unreadable' })
  })

  test('after a failure every caller gets it for a second without another request, then one asks again', async () => {
    const { clock, credential, tokens } = setUp(failing)
    await tokens.get(aDeadline(clock))
    await clock.advance(999)
    const storm = await Promise.all(Array.from({ length: 50 }, () => tokens.get(aDeadline(clock))))
    assert.ok(storm.every((result) => !result.ok && result.error === 'Error: no identity here'))
    assert.equal(credential.scopes.length, 1)

    await clock.advance(1)
    credential.next = async () => aToken('b', HOUR_MS)
    assert.equal((await tokens.get(aDeadline(clock))).ok, true)
    assert.equal(credential.scopes.length, 2)
  })
})

describe('a token that was refused', () => {
  test('is not given out again, and a new one is requested once', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    const first = await tokens.get(aDeadline(clock))
    assert.ok(first.ok)
    credential.next = async () => aToken('b', HOUR_MS)
    assert.equal(tokens.drop(first.value), true)
    assert.equal(tokens.current()?.token, 'a', 'a request that is about to be sent still has one')
    const results = await Promise.all(Array.from({ length: 10 }, () => tokens.get(aDeadline(clock))))
    assert.ok(results.every((result) => result.ok && result.value.token === 'b'))
    assert.equal(credential.scopes.length, 2)
  })

  test('counts once: a late refusal of the old token does not drop the new one', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    const first = await tokens.get(aDeadline(clock))
    assert.ok(first.ok)
    tokens.drop(first.value)
    credential.next = async () => aToken('b', HOUR_MS)
    await tokens.get(aDeadline(clock))
    assert.equal(tokens.drop(first.value), true)
    const result = await tokens.get(aDeadline(clock))
    assert.ok(result.ok && result.value.token === 'b')
    assert.equal(credential.scopes.length, 2)
  })

  test('may be one that the platform gives out again, also with an earlier end', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    const first = await tokens.get(aDeadline(clock))
    assert.ok(first.ok)
    tokens.drop(first.value)
    credential.next = async () => aToken('a', HOUR_MS - 1)
    for (let call = 0; call < 3; call += 1) assert.equal((await tokens.get(aDeadline(clock))).ok, true)
    assert.equal(credential.scopes.length, 2)
  })

  test('so shortly after another is kept: a new one would be refused as well', async () => {
    const { clock, credential, tokens } = setUp(async () => aToken('a', HOUR_MS))
    const get = async (): Promise<AccessToken> => {
      const token = await tokens.get(aDeadline(clock))
      assert.ok(token.ok)
      return token.value
    }
    tokens.drop(await get())
    credential.next = async () => aToken('b', 2 * HOUR_MS)
    assert.equal(tokens.drop(await get()), false)
    assert.equal((await get()).token, 'b')
    await clock.advance(30_000)
    assert.equal(tokens.drop(await get()), true)
    await get()
    assert.equal(credential.scopes.length, 3)
  })
})

describe('an identity endpoint that hangs', () => {
  test('keeps no caller beyond the deadline', async () => {
    const { clock, tokens } = setUp(never)
    const waiting = tokens.get(aDeadline(clock, 2_000))
    await clock.advance(2_000)
    assert.deepEqual(await waiting, { ok: false, error: 'the identity endpoint did not answer within the deadline' })
  })

  test('is asked once by all who wait, each to their own deadline', async () => {
    const { clock, credential, tokens } = setUp(never)
    const hasty = tokens.get(aDeadline(clock, 1_000))
    const patient = tokens.get(aDeadline(clock, 3_000))
    let patientEnded = false
    void patient.then(() => (patientEnded = true))
    await clock.advance(1_000)
    assert.equal((await hasty).ok, false)
    assert.equal(patientEnded, false)
    await clock.advance(2_000)
    assert.equal((await patient).ok, false)
    assert.equal(credential.scopes.length, 1)
  })

  test('is given up after 25 s, so that another request may be begun', async () => {
    const { clock, credential, tokens } = setUp(never)
    void tokens.get(aDeadline(clock, 2_000))
    await clock.advance(24_999)
    credential.next = async () => aToken('b', HOUR_MS)
    const early = tokens.get(aDeadline(clock, 30_000))
    await clock.advance(1)
    assert.deepEqual(await early, { ok: false, error: 'the identity endpoint did not answer' })
    assert.equal(credential.scopes.length, 1)

    await clock.advance(1_000)
    const late = await tokens.get(aDeadline(clock))
    assert.ok(late.ok && late.value.token === 'b')
    assert.equal(credential.scopes.length, 2)
    assert.equal(clock.sleeping(), 0)
  })

  test('a late answer does not replace a better token', async () => {
    let answerLate: (token: AccessToken) => void = () => undefined
    const { clock, credential, tokens } = setUp(() => new Promise((resolve) => (answerLate = resolve)))
    void tokens.get(aDeadline(clock, 2_000))
    await clock.advance(27_000)
    credential.next = async () => aToken('newer', 2 * HOUR_MS)
    await tokens.get(aDeadline(clock))
    answerLate(aToken('older', HOUR_MS))
    await clock.advance(0)
    assert.equal(tokens.current()?.token, 'newer')
  })
})

describe('renewal', () => {
  async function ageing(lifetimeMs: number): Promise<ReturnType<typeof setUp>> {
    const all = setUp(async () => aToken('old', HOUR_MS))
    await all.tokens.get(aDeadline(all.clock))
    await all.clock.advance(HOUR_MS - lifetimeMs)
    return all
  }

  test('is not begun while ten minutes are left', async () => {
    const { clock, credential, tokens } = await ageing(10 * MINUTE_MS)
    await tokens.get(aDeadline(clock))
    assert.equal(credential.scopes.length, 1)
  })

  test('happens in the background, while the old token is still handed out', async () => {
    const { clock, credential, tokens } = await ageing(10 * MINUTE_MS - 1)
    credential.next = async () => aToken('new', 2 * HOUR_MS)
    const during = await tokens.get(aDeadline(clock))
    assert.ok(during.ok && during.value.token === 'old')
    await clock.advance(0)
    const after = await tokens.get(aDeadline(clock))
    assert.ok(after.ok && after.value.token === 'new')
    assert.equal(credential.scopes.length, 2)
  })

  test('that fails or hangs leaves the old token in use', async () => {
    for (const next of [failing, never]) {
      const { clock, credential, tokens } = await ageing(5 * MINUTE_MS)
      credential.next = next
      for (let request = 0; request < 3; request += 1) {
        const result = await tokens.get(aDeadline(clock))
        assert.ok(result.ok && result.value.token === 'old')
        await clock.advance(100)
      }
      assert.equal(credential.scopes.length, 2)
    }
  })

  test('is paced, when the endpoint hands out the same ageing token again and again', async () => {
    const { clock, credential, tokens } = await ageing(5 * MINUTE_MS)
    for (let request = 0; request < 100; request += 1) {
      await tokens.get(aDeadline(clock))
      await clock.advance(100)
    }
    assert.equal(credential.scopes.length, 2)
    await clock.advance(20_000)
    await tokens.get(aDeadline(clock))
    assert.equal(credential.scopes.length, 3)
  })

  test('is waited for once the old token has less than half a minute left', async () => {
    const { clock, credential, tokens } = await ageing(29_999)
    credential.next = async () => aToken('new', 2 * HOUR_MS)
    const result = await tokens.get(aDeadline(clock))
    assert.ok(result.ok && result.value.token === 'new')
  })

  test('that fails then is a refusal, not an expired token', async () => {
    const { clock, credential, tokens } = await ageing(29_999)
    credential.next = failing
    assert.equal((await tokens.get(aDeadline(clock))).ok, false)
  })
})
