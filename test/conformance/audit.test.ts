/** Contract, section 9: one structured event per decision, exact here and vague on the wire, and nothing secret in any line. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { OPERATOR, TOOL } from '../../sandbox/azure/directory.ts'
import { sendBytes } from '../sandbox/raw-http.ts'
import {
  assertAccepted,
  sibling,
  startConversation,
  type Decision,
  type Heard,
  type ReconnectRequest,
} from './conversation.ts'

const room = await startConversation({ after })
const { info, azure } = room.sandbox
const [ORDERS, PAYMENTS] = info.backends as [string, string]
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/

/** The one that does not depend on the moment. */
function timeless({ durationMs, due, armRequestId, operationId, traceparent, ...event }: Decision): Decision {
  assert.match(String(traceparent), /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/)
  assert.equal(Number.isInteger(durationMs), true)
  if (due !== undefined) assert.ok(Date.parse(due as string) > Date.now())
  if (armRequestId !== undefined) assert.match(armRequestId as string, UUID)
  // There is an operation for every authorized request, and for no other.
  assert.equal(
    typeof operationId,
    event['backend'] === undefined || event['reason'] === 'not_granted' ? 'undefined' : 'string',
  )
  return event
}

describe('the event of a request', () => {
  it('the event of a forwarded request has every member of the contract', async () => {
    const clientRequestId = randomUUID()
    const answer = await room.reconnect({
      backend: PAYMENTS,
      body: { properties: { after: 'PT5M' } },
      headers: { 'x-ms-client-request-id': clientRequestId },
    })
    assertAccepted(answer)
    const event = await room.decision(answer)
    assert.deepEqual(timeless(event), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      clientRequestId,
      caller: { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name },
      trigger: { kind: 'http' },
      backend: PAYMENTS,
      after: 'PT5M',
      mode: 'on',
      outcome: 'forwarded',
      attempts: 1,
      armStatus: 202,
      armCorrelationId: answer.correlationId,
    })
    assert.deepEqual(
      [event['due'], event['armRequestId'], event['operationId']],
      [answer.headers['x-reconnect-due'], answer.headers['x-ms-request-id'], answer.headers['x-reconnect-operation']],
    )
    assert.ok(Number(event['durationMs']) >= 0 && Number(event['durationMs']) <= answer.tookMs + 1)
  })

  it('the event of a joined request names the operation that covers it, and no answer of ARM', async () => {
    const backend = room.freshBackend()
    const first = await room.reconnect({ backend })
    assertAccepted(first)
    const answer = await room.reconnect({ backend })
    assertAccepted(answer, 'joined')
    const event = await room.decision(answer)
    assert.deepEqual(timeless(event), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      caller: { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name },
      trigger: { kind: 'http' },
      backend,
      mode: 'on',
      outcome: 'joined',
      joined: first.headers['x-reconnect-operation'],
    })
    assert.deepEqual(
      [event['operationId'], event['due']],
      [answer.headers['x-reconnect-operation'], first.headers['x-reconnect-due']],
    )
  })

  it('the event of a dry run says so, and names no answer of ARM', async () => {
    const answer = await room.reconnect({ as: 'tool', headers: { 'x-reconnect-dry-run': 'true' } })
    assert.deepEqual(timeless(await room.decision(answer)), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      caller: { kind: 'app', id: TOOL.clientId },
      trigger: { kind: 'http' },
      backend: ORDERS,
      mode: 'on',
      outcome: 'dry-run',
    })
  })

  it('the event of a request that was refused before its caller was known names neither caller nor backend', async () => {
    const answer = await room.reconnect({ as: null })
    assert.deepEqual(timeless(await room.decision(answer)), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      trigger: { kind: 'http' },
      mode: 'on',
      outcome: 'refused',
      reason: 'credential_missing',
      fault: 'caller',
    })
  })

  it('the event of a request without a grant names caller, backend and action', async () => {
    const answer = await room.reconnect({ as: 'tool', backend: PAYMENTS })
    assert.deepEqual(timeless(await room.decision(answer)), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      caller: { kind: 'app', id: TOOL.clientId },
      trigger: { kind: 'http' },
      backend: PAYMENTS,
      mode: 'on',
      outcome: 'refused',
      reason: 'not_granted',
      detail: 'action reconnect',
      fault: 'caller',
    })
  })

  it('the event of a request that ARM failed counts the attempts and keeps ARM’s ids', async () => {
    const backend = sibling(ORDERS, 'failing')
    azure.faults.add({ target: 'arm', kind: '500', scope: backend })
    const answer = await room.reconnect({ backend })
    assert.deepEqual(timeless(await room.decision(answer)), {
      event: 'reconnect.decision',
      correlationId: answer.correlationId,
      caller: { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name },
      trigger: { kind: 'http' },
      backend,
      mode: 'on',
      outcome: 'failed',
      reason: 'arm_failed',
      detail: 'InternalServerError: An unexpected error occurred.',
      fault: 'dependency',
      attempts: 2,
      ambiguous: true,
      armStatus: 500,
      armCorrelationId: answer.correlationId,
    })
  })
})

describe('the log', () => {
  it('the log has one event per request, under the id that the caller got', async () => {
    const requests: ReconnectRequest[] = [
      {},
      { as: null },
      { as: 'stranger' },
      { as: { token: 'x' } },
      { backend: `${ORDERS}%20` },
      { query: '?api-version=x' },
      { body: '{', headers: { 'content-type': 'application/json' } },
      { body: 'x' },
      { body: 'x'.repeat(70_000) },
      { backend: sibling(ORDERS, 'none') },
    ]
    const before = room.decisions().length
    const answers: Heard[] = await Promise.all([...requests, ...requests].map((reconnect) => room.reconnect(reconnect)))
    for (const answer of answers) await room.decision(answer)
    assert.equal(room.decisions().length, before + answers.length)
  })

  it('the level of an event is that of its fault: refusals are information, dependencies warnings, faults of this app errors', async () => {
    const backend = sibling(ORDERS, 'throttled')
    azure.faults.add({ target: 'arm', kind: '429', retryAfter: '600', scope: backend })
    const levels: [ReconnectRequest, string][] = [
      [{}, 'information'],
      [{ as: 'stranger' }, 'information'],
      [{ backend: sibling(ORDERS, 'none') }, 'information'],
      [{ backend }, 'warning'],
      [{ backend: ORDERS.replace('rg-apim', 'rg-locked').replace('apim-prod', 'apim-locked') }, 'error'],
    ]
    for (const [reconnect, level] of levels) {
      const { correlationId } = await room.decision(await room.reconnect(reconnect))
      const record = room.sandbox.logs.find(({ message }) => message.includes(String(correlationId)))
      assert.deepEqual([record?.level, record?.category, record?.functionName], [level, 'user', 'backend-reconnect'])
    }
  })

  it('an event is one line of JSON for any text of callers and ARM: control characters are escaped, long values cut', async () => {
    const nasty = `Eve\r\n{"event":"reconnect.decision","outcome":"forwarded"}\u0000\u001b[2J\u2028\u202e\u200b${'x'.repeat(2_000)}`
    const token = await azure.mint({ kind: 'operator', claims: { name: nasty } })
    const backend = sibling(ORDERS, 'nasty')
    azure.faults.add({ target: 'arm', kind: '409', message: nasty, scope: backend })
    const answer = await room.reconnect({ as: { token }, backend })
    const event = await room.decision(answer)
    const record = room.sandbox.logs.find(({ message }) => message.includes(answer.correlationId))
    assert.match(record?.message ?? '', /^[\x20-\x7e…]+$/)
    assert.match((event['caller'] as { name: string }).name, /^Eve\\u000d\\u000a\{/)
    assert.ok(JSON.stringify(event).length < 4_000)
    for (const text of [String(event['detail']), (event['caller'] as { name: string }).name])
      assert.match(text, /^[\x20-\x7e…]+$/)
  })

  it('the log and everything else that the app prints have no token, key, signature, query secret or payload', async () => {
    const marker = `marker-${randomUUID()}`
    const tokens = [
      info.tokens.operator,
      info.tokens.stranger,
      await azure.mint({ kind: 'operator', expiresInSeconds: -600 }),
      await azure.mint({ kind: 'tool', key: 'unpublished' }),
    ]
    for (const token of tokens) await room.decision(await room.reconnect({ as: { token } }))
    await room.decision(
      await room.reconnect({
        as: null,
        headers: { authorization: `Basic ${Buffer.from(`user:${marker}`).toString('base64')}` },
      }),
    )
    await room.decision(
      await room.reconnect({
        as: null,
        headers: { 'x-ms-client-principal': marker, cookie: marker, 'x-functions-key': marker },
      }),
    )
    await room.decision(await room.reconnect({ query: `?code=${marker}&sig=${marker}` }))
    await room.decision(await room.reconnect({ query: `?api-version=${marker}` }))
    await room.decision(await room.reconnect({ body: { properties: { after: marker }, note: marker } }))
    await room.decision(
      await room.reconnect({ body: `{"note":"${marker}"`, headers: { 'content-type': 'application/json' } }),
    )
    await room.decision(await room.reconnect({ backend: sibling(ORDERS, `${marker}%20`) }))
    await room.decision(await room.reconnect({ headers: { 'x-reconnect-dry-run': marker } }))
    for (const kind of ['401', '403', 'garbage-token', '500']) {
      azure.faults.add({ target: kind === 'garbage-token' ? 'identity' : 'arm', kind, times: 1 })
      await room.decision(await room.reconnectFresh())
    }
    await delay(50)
    const said = JSON.stringify(room.sandbox.logs) + room.sandbox.output()
    const secrets = [
      marker,
      Buffer.from(`user:${marker}`).toString('base64'),
      info.identityHeader,
      ...tokens.flatMap((token) => token.split('.')),
    ]
    for (const secret of secrets) assert.equal(said.includes(secret), false, secret.slice(0, 20))
    // Any token, also the managed identity's own, which this test never sees.
    assert.doesNotMatch(said, /eyJ[\w-]{10}|Bearer [\w-]|PRIVATE KEY/)
  })

  it('requests that lead nowhere write no event', async () => {
    const before = room.decisions().length
    await room.reconnect({ method: 'GET' })
    await room.get('/health/ready')
    await room.get('/openapi.json')
    await room.get('/no/such/route')
    assert.match(
      await sendBytes(info.proxy, 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nbad header\r\n\r\n'),
      /^HTTP\/1\.1 400 /,
    )
    await delay(50)
    assert.equal(room.decisions().length, before)
  })
})
