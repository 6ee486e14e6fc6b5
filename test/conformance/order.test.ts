/** Contract, section 2: in which order a request is looked at, seen by giving it every later fault as well. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { assertAccepted, assertRefused, sibling, startConversation, type ReconnectRequest } from './conversation.ts'

const room = await startConversation({ after })
const switchedOff = await startConversation({ after }, { env: { RECONNECT_MODE: 'off' } })
const [ORDERS] = room.sandbox.info.backends as [string]
const TOO_LONG = sibling(ORDERS, 'x'.repeat(81))
const MISSING = sibling(ORDERS, 'no-such-backend')

const wrongType: ReconnectRequest = { headers: { 'content-type': 'text/plain' }, body: '{' }
const wrongBody: ReconnectRequest = { headers: { 'content-type': 'application/json' }, body: '{' }
const tooLarge: ReconnectRequest = { headers: { 'content-type': 'text/plain' }, body: 'x'.repeat(64 * 1024 + 1) }

/** Each case has the fault that is named and all faults that are looked for later. */
const STEPS: readonly { what: string; request: ReconnectRequest; status: number; code: string; reason: string }[] = [
  {
    what: 'size, before who is asking',
    request: { ...tooLarge, backend: TOO_LONG, as: null },
    status: 413,
    code: 'RequestEntityTooLarge',
    reason: 'body_too_large',
  },
  {
    what: 'framing, before who is asking',
    request: {
      backend: TOO_LONG,
      as: null,
      headers: { 'transfer-encoding': 'chunked', 'content-type': 'text/plain' },
      body: '{',
    },
    status: 411,
    code: 'LengthRequired',
    reason: 'length_required',
  },
  {
    what: 'authentication, before the content type',
    request: { ...wrongType, backend: TOO_LONG, as: null, query: '?api-version=1' },
    status: 401,
    code: 'AuthenticationFailed',
    reason: 'credential_missing',
  },
  {
    what: 'authentication, before the content type, for a bad token too',
    request: { ...wrongType, backend: TOO_LONG, as: { token: 'x' } },
    status: 401,
    code: 'AuthenticationFailed',
    reason: 'token_malformed',
  },
  {
    what: 'content type, before the body',
    request: { ...wrongType, backend: TOO_LONG, as: 'stranger', query: '?api-version=1' },
    status: 415,
    code: 'UnsupportedMediaType',
    reason: 'media_type_unsupported',
  },
  {
    what: 'body, before the target',
    request: { ...wrongBody, backend: TOO_LONG, as: 'stranger' },
    status: 400,
    code: 'InvalidRequestContent',
    reason: 'body_malformed',
  },
  {
    what: 'target, before permission',
    request: { backend: TOO_LONG, as: 'stranger' },
    status: 400,
    code: 'InvalidResourceId',
    reason: 'segment_invalid',
  },
  {
    what: 'permission, before ARM',
    request: { backend: MISSING, as: 'stranger' },
    status: 403,
    code: 'AuthorizationFailed',
    reason: 'not_granted',
  },
]

describe('the order of checks', () => {
  beforeEach(() => room.sandbox.azure.journal.clear())

  for (const { what, request, status, code, reason } of STEPS) {
    it(`${what}: ${status}`, async () => {
      const before = room.reached()
      const answer = await room.reconnect(request)
      assertRefused(answer, status, code)
      assert.equal((await room.decision(answer))['reason'], reason)
      assert.deepEqual(room.reached(), before)
    })
  }

  it('route and method come before the caller: 404, and no record', async () => {
    const before = room.decisions().length
    assert.equal((await room.reconnect({ method: 'PUT', as: null })).status, 404)
    assert.equal((await room.reconnect({ path: `${ORDERS}/reconnectx`, as: null })).status, 404)
    assert.equal(room.decisions().length, before)
  })

  it('ARM is asked last and once, when every check has passed', async () => {
    assertAccepted(await room.reconnect())
    assert.equal(room.reached().arm, 1)
  })
})

describe('what is revealed', () => {
  it('nothing about body or target is revealed before authentication: for any of them the answer is the same', async () => {
    const targets = [ORDERS, MISSING, TOO_LONG]
    const bodies: ReconnectRequest[] = [{}, wrongType, wrongBody, { body: { properties: { after: 'never' } } }]
    const answers = await Promise.all(
      targets.flatMap((backend) => bodies.map((body) => room.reconnect({ ...body, backend, as: null }))),
    )
    const seen = answers.map(({ status, text, headers: { date, 'x-ms-correlation-request-id': id, ...headers } }) =>
      JSON.stringify({ status, text, headers, has: [date, id].every(Boolean) }),
    )
    assert.equal(new Set(seen).size, 1, [...new Set(seen)].join('\n'))
  })

  it('whether a backend exists is not revealed to a caller that may not use it', async () => {
    const [there, missing] = await Promise.all(
      [ORDERS, MISSING].map((backend) => room.reconnect({ backend, as: 'stranger' })),
    )
    assert.ok(there !== undefined && missing !== undefined)
    assert.equal(missing.status, 403)
    assert.equal(missing.text.replaceAll(MISSING, ORDERS), there.text)
    assert.deepEqual([there.headers['x-ms-request-id'], missing.headers['x-ms-request-id']], [undefined, undefined])
  })
})

describe('mode off is looked at after permission', () => {
  it('in mode off a stranger gets 403, and a caller without a token 401, as always', async () => {
    assertRefused(await switchedOff.reconnect({ as: null }), 401, 'AuthenticationFailed')
    assertRefused(await switchedOff.reconnect({ ...wrongBody, as: 'stranger' }), 400, 'InvalidRequestContent')
    assertRefused(await switchedOff.reconnect({ as: 'stranger' }), 403, 'AuthorizationFailed')
  })

  it('in mode off a caller with a grant gets 503 with Retry-After, and nothing is sent', async () => {
    const answer = await switchedOff.reconnect()
    assertRefused(answer, 503, 'ServiceUnavailable')
    assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
    const { outcome, reason, fault, mode } = await switchedOff.decision(answer)
    assert.deepEqual(
      { outcome, reason, fault, mode },
      { outcome: 'failed', reason: 'switched_off', fault: 'us', mode: 'off' },
    )
    assert.deepEqual(switchedOff.reached(), { arm: 0, identity: 0 })
  })

  it('in mode off a dry run is a 503 too', async () => {
    assertRefused(
      await switchedOff.reconnect({ headers: { 'x-reconnect-dry-run': 'true' } }),
      503,
      'ServiceUnavailable',
    )
  })
})
