/** Contract, section 3, "202" and "Request headers of ours": what an accepted request is told, and the ways of not sending. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, beforeEach, describe, it } from 'node:test'
import { MANAGED_IDENTITY } from '../../sandbox/azure/directory.ts'
import { assertAccepted, assertRefused, startConversation, type Heard, type ReconnectRequest } from './conversation.ts'

const room = await startConversation({ after })
const dry = await startConversation({ after }, { env: { RECONNECT_MODE: 'dry-run' } })
const { info, azure } = room.sandbox
const [ORDERS, PAYMENTS] = info.backends as [string, string]
const MINUTE_MS = 60_000
const RFC_3339 = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z$/

beforeEach(() => azure.journal.clear())

/** Sends, and asserts that the request is due that much after a moment between sending and hearing. */
async function assertDueAfter(ms: number, reconnect: ReconnectRequest, conversation = room): Promise<Heard> {
  const from = Date.now()
  const answer = await (reconnect.backend === undefined
    ? conversation.reconnectFresh(reconnect)
    : conversation.reconnect(reconnect))
  const due = String(answer.headers['x-reconnect-due'])
  assert.match(due, RFC_3339)
  assert.ok(Date.parse(due) >= from + ms && Date.parse(due) <= Date.now() + ms, `due ${due}`)
  assert.equal((await conversation.decision(answer))['due'], due)
  return answer
}

const whatWasSaid = ({
  headers: { date: _date, 'keep-alive': _keepAlive, connection: _connection, server: _server, ...ours },
}: Heard): string[] => Object.keys(ours).toSorted()

describe('202', () => {
  it('a 202 means that ARM accepted the reconnect: it took effect there, once, on this backend', async () => {
    assertAccepted(await room.reconnect({ backend: PAYMENTS }))
    assert.deepEqual(
      [azure.journal.counts().received, azure.journal.effects().map(({ backend }) => backend)],
      [1, [PAYMENTS]],
    )
  })

  it('a 202 has no body, and these headers', async () => {
    const answer = await room.reconnectFresh({ headers: { 'x-ms-client-request-id': randomUUID() } })
    assertAccepted(answer)
    assert.equal(answer.headers['content-length'], '0')
    assert.deepEqual(whatWasSaid(answer), [
      'cache-control',
      'content-length',
      'location',
      'retry-after',
      'x-content-type-options',
      'x-ms-client-request-id',
      'x-ms-correlation-request-id',
      'x-ms-request-id',
      'x-ms-routing-request-id',
      'x-reconnect-due',
      'x-reconnect-operation',
      'x-reconnect-outcome',
    ])
  })

  it('a 202 passes on ARM’s x-ms-request-id, x-ms-correlation-request-id and x-ms-routing-request-id', async () => {
    const answer = await room.reconnectFresh()
    const { armStatus, armRequestId, armCorrelationId } = await room.decision(answer)
    assert.deepEqual(
      [armStatus, armRequestId, armCorrelationId],
      [202, answer.headers['x-ms-request-id'], answer.correlationId],
    )
    assert.equal(answer.headers['x-ms-correlation-request-id'], answer.correlationId)
    assert.match(
      String(answer.headers['x-ms-routing-request-id']),
      new RegExp(`^WESTEUROPE:[0-9]{8}T[0-9]{6}Z:${answer.correlationId}$`),
    )
  })

  it('x-reconnect-due is two minutes after acceptance when after is absent', async () =>
    assertAccepted(await assertDueAfter(2 * MINUTE_MS, {})))

  for (const [given, ms] of [
    ['PT5M', 5 * MINUTE_MS],
    ['PT24H', 1440 * MINUTE_MS],
    ['PT3S', 3_000],
    ['PT1H0.5S', 60 * MINUTE_MS + 500],
  ] as const) {
    it(`x-reconnect-due is acceptance plus ${given} when that is asked for`, async () =>
      assertAccepted(await assertDueAfter(ms, { body: { properties: { after: given } } })))
  }

  it('x-reconnect-due counts from the start of the POST that ARM accepted, not from the request and not from the answer', async () => {
    const slow = `${ORDERS.slice(0, ORDERS.lastIndexOf('/'))}/Inventory.API`
    azure.faults.set([
      { target: 'arm', kind: '429', retryAfter: '1', scope: slow, times: 1 },
      { target: 'arm', kind: 'slow', delayMs: 400, scope: slow, times: 1 },
    ])
    const from = Date.now()
    const answer = await room.reconnect({ backend: slow })
    const heard = Date.now()
    assertAccepted(answer)
    const due = Date.parse(String(answer.headers['x-reconnect-due']))
    // The first POST is refused and repeated a second later; the second one is answered 400 ms after it began.
    assert.ok(due >= from + 1_000 + 2 * MINUTE_MS, 'from the second POST')
    assert.ok(due <= heard - 400 + 2 * MINUTE_MS, 'from its start')
  })

  for (const [given, warning] of [
    ['PT3S', 'after-below-minimum'],
    ['PT1M59S', 'after-below-minimum'],
    ['PT2M', undefined],
    ['PT120S', undefined],
    [undefined, undefined],
  ] as const) {
    it(`x-reconnect-warning for after=${given ?? '(absent)'} is ${warning ?? 'absent'}`, async () => {
      const answer = await room.reconnectFresh(given === undefined ? {} : { body: { properties: { after: given } } })
      assertAccepted(answer)
      assert.equal(answer.headers['x-reconnect-warning'], warning)
    })
  }

  it('a 202 is the same over TLS', async () => {
    const answer = await room.reconnectFresh({ tls: true, body: { properties: { after: 'PT5M' } } })
    assertAccepted(answer)
    assert.deepEqual([answer.headers['content-length'], azure.journal.effects()[0]?.after], ['0', 'PT5M'])
  })

  it('ARM is asked with the managed identity, in the words of the official SDK', async () => {
    assertAccepted(await room.reconnect({ as: 'tool' }))
    const [request] = azure.journal.requests()
    assert.match(String(request?.headers['user-agent']), /^azsdk-js-arm-apimanagement\/10\.0\.0 /)
    assert.equal(azure.identityCounts.tokens, 1, `one token of ${MANAGED_IDENTITY.clientId} serves every caller`)
  })
})

describe('x-reconnect-dry-run', () => {
  for (const given of ['true', 'TRUE', ' true ']) {
    it(`x-reconnect-dry-run '${given}' decides everything and sends nothing`, async () => {
      const before = room.reached()
      const unknown = room.freshBackend()
      const answer = await assertDueAfter(5 * MINUTE_MS, {
        backend: unknown,
        headers: { 'x-reconnect-dry-run': given },
        body: { properties: { after: 'PT5M' } },
      })
      assertAccepted(answer, 'dry-run')
      assert.deepEqual(
        [answer.headers['x-ms-request-id'], answer.headers['x-ms-routing-request-id']],
        [undefined, undefined],
      )
      const { outcome, attempts, armStatus, mode, backend } = await room.decision(answer)
      assert.deepEqual(
        { outcome, attempts, armStatus, mode, backend },
        { outcome: 'dry-run', attempts: undefined, armStatus: undefined, mode: 'on', backend: unknown },
      )
      assert.equal(answer.headers['x-reconnect-would'], 'forward')
      assert.deepEqual(room.reached(), before)
    })
  }

  it('a dry run tells that it would join, and when the reconnect is due that it would join', async () => {
    const backend = room.freshBackend()
    const sent = await room.reconnect({ backend })
    assertAccepted(sent)
    const before = room.reached()
    const headers = { 'x-reconnect-dry-run': 'true' }
    const joining = await room.reconnect({ backend, headers, body: { properties: { after: 'PT5M' } } })
    assertAccepted(joining, 'dry-run')
    const told = ({ headers: h }: Heard) => [h['x-reconnect-would'], h['x-reconnect-due']]
    assert.deepEqual(told(joining), ['join', sent.headers['x-reconnect-due']])
    const sooner = await room.reconnect({ backend, headers, body: { properties: { after: 'PT1M' } } })
    assert.equal(sooner.headers['x-reconnect-would'], 'forward')
    assert.deepEqual(room.reached(), before)
  })

  it('a dry run refuses what would be refused', async () => {
    const headers = { 'x-reconnect-dry-run': 'true' }
    assertRefused(await room.reconnect({ headers, as: null }), 401, 'AuthenticationFailed')
    assertRefused(await room.reconnect({ headers, as: 'stranger' }), 403, 'AuthorizationFailed')
    assertRefused(await room.reconnect({ headers, backend: `${ORDERS}+` }), 400, 'InvalidResourceId')
    assertRefused(await room.reconnect({ headers, body: { properties: { after: 'soon' } } }), 400, 'InvalidDuration')
  })

  it('x-reconnect-dry-run: false counts as absent', async () => {
    assertAccepted(await room.reconnectFresh({ headers: { 'x-reconnect-dry-run': 'false' } }))
    assert.equal(room.reached().arm, 1)
  })

  for (const [header, given] of [
    ['x-reconnect-dry-run', 'yes'],
    ['x-reconnect-dry-run', '1'],
    ['x-reconnect-dry-run', 'true,true'],
    ['x-reconnect-force', 'ture'],
  ] as const) {
    it(`${header}: ${given} is refused rather than misread, and nothing is sent`, async () => {
      const answer = await room.reconnect({ headers: { [header]: given } })
      assert.equal(assertRefused(answer, 400, 'InvalidRequestContent').target, header)
      const { reason, detail } = await room.decision(answer)
      assert.deepEqual([reason, detail, room.reached().arm], ['header_invalid', header, 0])
    })
  }
})

describe('x-reconnect-force', () => {
  it('x-reconnect-force needs the action force: the tool, which may reconnect, learns which action it lacks', async () => {
    const answer = await room.reconnect({ as: 'tool', headers: { 'x-reconnect-force': 'true' } })
    assert.equal(
      assertRefused(answer, 403, 'AuthorizationFailed').message,
      `The caller does not have authorization to perform action 'force' over scope '${ORDERS}'.`,
    )
    assert.equal((await room.decision(answer))['detail'], 'action force')
    assert.equal(room.reached().arm, 0)
  })

  it('a forced request of a caller with the action is sent, and the header does not travel to ARM', async () => {
    assertAccepted(await room.reconnect({ headers: { 'x-reconnect-force': 'true' } }))
    assert.equal(azure.journal.requests()[0]?.headers['x-reconnect-force'], undefined)
  })
})

describe('RECONNECT_MODE=dry-run', () => {
  it('RECONNECT_MODE=dry-run sends nothing for any caller, and says so', async () => {
    for (const headers of [{}, { 'x-reconnect-dry-run': 'false' }, { 'x-reconnect-force': 'true' }]) {
      const answer = await assertDueAfter(
        2 * MINUTE_MS,
        { backend: dry.sandbox.info.backends[0] as string, headers },
        dry,
      )
      assertAccepted(answer, 'dry-run')
      assert.deepEqual(
        [(await dry.decision(answer))['mode'], (await dry.decision(answer))['outcome']],
        ['dry-run', 'dry-run'],
      )
    }
    assert.deepEqual(dry.reached(), { arm: 0, identity: 0 })
  })

  it('RECONNECT_MODE=dry-run does everything else: warnings, refusals, records', async () => {
    const answer = await dry.reconnect({ body: { properties: { after: 'PT3S' } } })
    assert.deepEqual([answer.status, answer.headers['x-reconnect-warning']], [202, 'after-below-minimum'])
    assertRefused(await dry.reconnect({ as: 'stranger' }), 403, 'AuthorizationFailed')
    assertRefused(await dry.reconnect({ as: null }), 401, 'AuthenticationFailed')
    assertRefused(await dry.reconnect({ query: '?api-version=1' }), 400, 'InvalidApiVersionParameter')
  })
})
