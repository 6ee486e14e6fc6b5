/** Contract, section 3, "Time": the whole request ends in time, even if ARM, the identity endpoint or the issuer asks for a longer wait, and ARM is not asked more often than promised. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Fault } from '../../sandbox/azure/faults.ts'
import { hang, startScriptedServer } from '../support/scripted-server.ts'
import {
  assertAccepted,
  assertRefused,
  DEFAULT_DEADLINE_MS,
  sibling,
  startConversation,
  type Conversation,
  type Heard,
} from './conversation.ts'

const DEADLINE_MS = 2_000
/** Anything shorter, again and again, would be a hot loop. */
const MIN_WAIT_MS = 1_000
/** For a busy machine. Without the deadline a request would take 25 s more (identity endpoint), or would never end (ARM). */
const SLACK_MS = 20_000
const short = { env: { RECONNECT_DEADLINE_SECONDS: String(DEADLINE_MS / 1_000) } }

const room = await startConversation({ after }, short)
const patient = await startConversation({ after })
const withoutIdentity = await startConversation({ after }, short)
const withoutNewKeys = await startConversation({ after }, short)
const issuer = await startScriptedServer([hang, hang, hang, hang])
const withoutIssuer = await startConversation({ after }, { env: { ...short.env, ENTRA_AUTHORITY: issuer.origin } })
after(() => issuer.close())

let made = 0

function faulty(conversation: Conversation, fault: Omit<Fault, 'target' | 'scope'>): string {
  const backend = sibling(conversation.sandbox.info.backends[0] as string, `faulty-${++made}`)
  conversation.sandbox.azure.faults.add({ ...fault, target: 'arm', scope: backend })
  return backend
}

function assertInTime({ tookMs }: Heard): void {
  assert.ok(tookMs < DEADLINE_MS + SLACK_MS, `took ${tookMs} ms`)
}

/** Milliseconds between the POSTs that ARM received. */
function pauses(conversation: Conversation, backend: string): readonly number[] {
  const times = conversation.armReceived(backend).map(({ at }) => Date.parse(at))
  return times.slice(1).map((at, index) => at - (times[index] as number))
}

/** The warm-up reads the SDK, then the issuer's keys: with the keys read, a cold start is not what is measured. */
async function warmedUp(conversation: Conversation): Promise<Conversation> {
  while (conversation.sandbox.azure.issuerCounts.keys === 0) await delay(10)
  return conversation
}

/** Two seconds are short for the first one on a busy machine: it has no token and no connection. */
async function firstReconnect(conversation: Conversation): Promise<void> {
  for (let tried = 1; (await conversation.reconnect()).status !== 202; tried += 1)
    assert.ok(tried < 20, 'no reconnect is accepted')
}

await Promise.all([room, patient, withoutIdentity, withoutNewKeys].map(warmedUp))
await Promise.all([room, patient, withoutNewKeys].map(firstReconnect))

/** Nearly all of it is waiting, so all of it waits at the same time: every case has a backend or a sandbox of its own. */
describe('time', { concurrency: true }, () => {
  describe('the whole request ends within RECONNECT_DEADLINE_SECONDS, though', { concurrency: true }, () => {
    it('ARM never answers: 504, the outcome is unknown, and the message says so', async () => {
      const backend = faulty(room, { kind: 'hang' })
      const answer = await room.reconnect({ backend })
      assert.match(assertRefused(answer, 504, 'GatewayTimeout').message, /outcome is unknown/)
      assertInTime(answer)
      const { reason, fault, attempts } = await room.decision(answer)
      assert.deepEqual([reason, fault], ['outcome_unknown', 'dependency'])
      assert.ok(Number(attempts) <= 2 && room.armReceived(backend).length <= Number(attempts))
    })

    it('ARM answers after the deadline: 504, and what it said later changes nothing', async () => {
      const answer = await room.reconnect({ backend: faulty(room, { kind: 'slow', delayMs: DEADLINE_MS + 1_000 }) })
      assertRefused(answer, 504, 'GatewayTimeout')
      assertInTime(answer)
    })

    it('the identity endpoint never answers: 503 with Retry-After, and nothing was sent', async () => {
      withoutIdentity.sandbox.azure.faults.set([{ target: 'identity', kind: 'hang' }])
      const answers = await Promise.all([1, 2, 3].map(() => withoutIdentity.reconnect()))
      for (const answer of answers) {
        assert.match(assertRefused(answer, 503, 'ServiceUnavailable').message, /Nothing was sent/)
        assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
        assertInTime(answer)
      }
      // One of them asks for the token; the others wait for what it brings back, and their time runs out with its.
      const reasons = await Promise.all(
        answers.map(async (answer) => String((await withoutIdentity.decision(answer))['reason'])),
      )
      assert.ok(reasons.includes('identity_unavailable'), reasons.join())
      for (const reason of reasons) assert.ok(['identity_unavailable', 'in_flight_elsewhere'].includes(reason), reason)
      assert.deepEqual(withoutIdentity.reached(), { arm: 0, identity: 1 }, 'one token request at a time')
    })

    it('the issuer never answers a request for a key that is not known: 503 with Retry-After', async () => {
      const { azure } = withoutNewKeys.sandbox
      azure.faults.set([{ target: 'issuer', kind: 'hang' }])
      const answer = await withoutNewKeys.reconnect({
        as: { token: await azure.mint({ kind: 'operator', key: 'unpublished' }) },
      })
      assertRefused(answer, 503, 'ServiceUnavailable')
      assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
      assertInTime(answer)
      assert.equal((await withoutNewKeys.decision(answer))['reason'], 'keys_unavailable')
    })

    it('the issuer has never answered: 503 with Retry-After, never 401', async () => {
      const answer = await withoutIssuer.reconnect()
      assertRefused(answer, 503, 'ServiceUnavailable')
      assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
      assertInTime(answer)
      assert.equal((await withoutIssuer.decision(answer))['reason'], 'keys_unavailable')
      assert.deepEqual(withoutIssuer.reached(), { arm: 0, identity: 0 })
    })
  })

  describe(
    'a wait that does not fit is not begun: the caller gets the status with Retry-After',
    { concurrency: true },
    () => {
      const inAnHour = new Date(Date.now() + 3_600_000).toUTCString()
      for (const [kind, code] of [
        ['429', 'SubscriptionRequestsThrottled'],
        ['503', 'ServiceUnavailable'],
      ] as const) {
        // 30 s are what there is, so that 30 leave nothing for the attempt itself. 2592000 s overflow a timer.
        for (const retryAfter of ['30', '3600', '2592000', '9999999999', inAnHour]) {
          it(`${kind} with Retry-After: ${retryAfter}`, async () => {
            const backend = faulty(patient, { kind, retryAfter })
            const answer = await patient.reconnect({ backend })
            assertRefused(answer, Number(kind), code)
            assert.deepEqual(
              [
                answer.headers['retry-after'],
                patient.armReceived(backend).length,
                (await patient.decision(answer))['attempts'],
              ],
              [retryAfter, 1, 1],
            )
            // A wait that was begun would take the whole deadline.
            assert.ok(answer.tookMs < DEFAULT_DEADLINE_MS, `took ${answer.tookMs} ms`)
          })
        }
      }
    },
  )

  describe('ARM is asked', { concurrency: true }, () => {
    const aMinuteAgo = new Date(Date.now() - 60_000).toUTCString()
    for (const retryAfter of [
      '0',
      '1',
      '-5',
      'soon',
      '1e3',
      '0x10',
      '',
      aMinuteAgo,
      '2026-11-23T00:00:00Z',
      undefined,
    ]) {
      it(`ARM is asked at most three times, a second apart, when it throttles with Retry-After ${retryAfter === undefined ? 'absent' : `'${retryAfter}'`}`, async () => {
        const backend = faulty(patient, { kind: '429', ...(retryAfter !== undefined && { retryAfter }) })
        const answer = await patient.reconnect({ backend })
        assertRefused(answer, 429, 'SubscriptionRequestsThrottled')
        assert.deepEqual([patient.armReceived(backend).length, (await patient.decision(answer))['attempts']], [3, 3])
        for (const pause of pauses(patient, backend)) assert.ok(pause >= MIN_WAIT_MS - 1, `${pause} ms`)
        // What is no number of seconds and no date is not passed on as one.
        const relayed = retryAfter !== undefined && /^[0-9]+$|GMT$/.test(retryAfter) ? retryAfter : undefined
        assert.equal(answer.headers['retry-after'], relayed)
      })
    }

    for (const kind of ['500', '502', '503', '504', '408', 'reset-before', 'reset-after']) {
      it(`ARM is asked at most twice after an outcome that is not known: ${kind}`, async () => {
        const backend = faulty(patient, { kind })
        const answer = await patient.reconnect({ backend })
        const { attempts, ambiguous } = await patient.decision(answer)
        assert.deepEqual([attempts, ambiguous, patient.armReceived(backend).length], [2, true, 2])
        // Jitter: no two callers that failed together come back together; none comes back at once.
        for (const pause of pauses(patient, backend)) assert.ok(pause >= 199, `${pause} ms`)
      })
    }

    it('ARM is not asked a fourth time when a throttled attempt is followed by two whose outcome is not known', async () => {
      const backend = sibling(patient.sandbox.info.backends[0] as string, 'mixed')
      const { faults } = patient.sandbox.azure
      for (const kind of ['429', '500', '500', '500']) faults.add({ target: 'arm', kind, scope: backend, times: 1 })
      assertRefused(await patient.reconnect({ backend }), 502, 'BadGateway')
      assert.equal(patient.armReceived(backend).length, 3)
    })

    it('ARM is asked again only when the date that it named has come', async () => {
      const backend = patient.sandbox.info.backends[1] as string
      // HTTP dates have whole seconds: at least one, less than three from now.
      const at = Math.ceil(Date.now() / 1_000) * 1_000 + 1_000
      patient.sandbox.azure.faults.add({
        target: 'arm',
        kind: '429',
        retryAfter: new Date(at).toUTCString(),
        scope: backend,
        times: 1,
      })
      assertAccepted(await patient.reconnect({ backend }))
      const [, second] = patient.armReceived(backend)
      assert.ok(Date.parse(second?.at ?? '') >= at)
    })

    it('an answer of ARM that comes late, and in time, is a 202', async () => {
      const backend = patient.sandbox.info.backends[2] as string
      patient.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 2_500, scope: backend })
      const answer = await patient.reconnect({ backend })
      assertAccepted(answer)
      assert.equal((await patient.decision(answer))['attempts'], 1)
    })
  })

  describe('the identity endpoint', { concurrency: true }, () => {
    const cases: [string, RegExp][] = [
      ['400', /No MSI found/],
      ['expired-token', /no token that is still valid/],
      ['garbage', /./],
      ['close', /./],
    ]
    for (const [kind, detail] of cases) {
      it(`the identity endpoint fails (${kind}): 503 with Retry-After, nothing was sent, its words go to the log only`, async (t) => {
        const own = await warmedUp(await startConversation(t, short))
        own.sandbox.azure.faults.set([{ target: 'identity', kind }])
        const answer = await own.reconnect()
        assert.equal(
          assertRefused(answer, 503, 'ServiceUnavailable').message,
          'This app could not get a token for its managed identity. Nothing was sent. Try again.',
        )
        assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
        assertInTime(answer)
        const decision = await own.decision(answer)
        assert.deepEqual(
          [decision['reason'], decision['fault'], decision['attempts'], own.reached().arm],
          ['identity_unavailable', 'dependency', 0, 0],
        )
        assert.match(String(decision['detail']), detail)
      })
    }

    it('the identity endpoint is asked once for fifty cold requests at the same time', async (t) => {
      const own = await startConversation(t)
      const answers = await Promise.all(Array.from({ length: 50 }, () => own.reconnectFresh()))
      for (const answer of answers) assertAccepted(answer)
      assert.deepEqual(own.reached(), { arm: 50, identity: 1 })
    })
  })

  describe('a token that was accepted before', () => {
    it('a token is refused once it has expired, tolerance included: the cached token does not live longer', async () => {
      // 60 seconds of tolerance, of which 4 are left.
      const token = await patient.sandbox.azure.mint({ kind: 'operator', expiresInSeconds: -56 })
      assertAccepted(await patient.reconnectFresh({ as: { token } }))
      await delay(4_100)
      const answer = await patient.reconnect({ as: { token } })
      assertRefused(answer, 401, 'AuthenticationFailed')
      assert.equal((await patient.decision(answer))['reason'], 'token_expired')
    })
  })
})
