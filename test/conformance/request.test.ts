/** Contract, section 3, "Request": version, body, `after`, ids – what is admitted, and what of it ARM receives. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, beforeEach, describe, it } from 'node:test'
import type { ReceivedRequest } from '../../sandbox/azure/arm-journal.ts'
import { sendBytes } from '../sandbox/raw-http.ts'
import { assertAccepted, assertRefused, startConversation, type ReconnectRequest } from './conversation.ts'

const room = await startConversation({ after })
const { info, azure } = room.sandbox
/** Contract, section 3: from the published specifications (Azure/azure-rest-api-specs). */
const VERSIONS =
  '2019-12-01-preview 2019-12-01 2020-06-01-preview 2020-12-01 2021-01-01-preview 2021-04-01-preview 2021-08-01 2021-12-01-preview 2022-04-01-preview 2022-08-01 2022-09-01-preview 2023-03-01-preview 2023-05-01-preview 2023-09-01-preview 2024-05-01 2024-06-01-preview 2024-10-01-preview 2025-03-01-preview 2025-09-01-preview 2026-03-01-preview'.split(
    ' ',
  )
const LIMIT_BYTES = 64 * 1024

beforeEach(() => azure.journal.clear())

/** The one request that ARM received since the test began. */
function sent(): ReceivedRequest {
  const [request, ...more] = azure.journal.requests()
  assert.ok(request !== undefined)
  assert.deepEqual(more, [])
  return request
}

async function assertNotSent(
  reconnect: ReconnectRequest,
  status: number,
  code: string,
  reason: string,
  target?: string,
): Promise<void> {
  const before = room.reached()
  const answer = await room.reconnect(reconnect)
  assert.equal(assertRefused(answer, status, code).target, target)
  assert.equal((await room.decision(answer))['reason'], reason)
  assert.deepEqual(room.reached(), before)
}

describe('api-version', () => {
  it('api-version is optional: ARM then receives 2024-05-01', async () => {
    assertAccepted(await room.reconnectFresh())
    assert.deepEqual(sent().query, { 'api-version': '2024-05-01' })
  })

  for (const version of VERSIONS) {
    it(`api-version ${version} is forwarded as given`, async () => {
      assertAccepted(await room.reconnectFresh({ query: `?api-version=${version}` }))
      assert.deepEqual(sent().query, { 'api-version': version })
    })
  }

  it('api-version is found under any letter case of its name, and nothing else of the query travels', async () => {
    assertAccepted(await room.reconnectFresh({ query: '?API-Version=2022-08-01&$filter=x&code=secret' }))
    assert.deepEqual(sent().query, { 'api-version': '2022-08-01' })
  })

  for (const query of [
    '2018-01-01',
    '',
    '2024-05-01%20',
    '2024-05-01-preview',
    '../../x',
    '2024-05-01&api-version=2022-08-01',
    '2024-05-01&API-VERSION=2024-05-01',
    '2024-05-0%D9%A1',
  ]) {
    it(`api-version in '${query}' is refused, and the answer lists what is supported`, async () => {
      await assertNotSent(
        { query: `?api-version=${query}` },
        400,
        'InvalidApiVersionParameter',
        'api_version_invalid',
        'api-version',
      )
      const { message } = assertRefused(
        await room.reconnect({ query: `?api-version=${query}` }),
        400,
        'InvalidApiVersionParameter',
      )
      assert.ok(message.includes(VERSIONS.join(',')))
    })
  }
})

describe('body', () => {
  const empty: [string, ReconnectRequest][] = [
    ['absent', {}],
    ['empty', { body: '', headers: { 'content-type': 'application/json', 'content-length': '0' } }],
    ['empty, of another type', { body: '', headers: { 'content-type': 'text/plain', 'content-length': '0' } }],
    ['an empty object', { body: {} }],
    ['without properties', { body: { tags: { a: 1 } } }],
    ['with properties null', { body: { properties: null } }],
    ['with after null', { body: { properties: { after: null } } }],
    ['with other members', { body: { id: 'x', properties: { before: 'PT9M' } } }],
    ['the literal null, as NSwag sends it', { body: 'null', headers: { 'content-type': 'application/json' } }],
  ]
  for (const [what, reconnect] of empty) {
    it(`a body may be ${what}: nothing of it travels, ARM's default counts`, async () => {
      assertAccepted(await room.reconnectFresh(reconnect))
      assert.equal(sent().body, '')
    })
  }

  it('other members of a body are ignored, as ARM ignores them: only after travels', async () => {
    assertAccepted(await room.reconnectFresh({ body: { id: 'x', properties: { after: 'PT5M', force: true } } }))
    assert.deepEqual(JSON.parse(sent().body), { properties: { after: 'PT5M' } })
  })

  for (const body of [
    { after: 'PT9M' },
    { Properties: { after: 'PT9M' } },
    { properties: { After: 'PT9M' } },
    { after: 'PT9M', properties: { after: 'PT5M' } },
  ]) {
    it(`a body with an after where ARM would not find it is refused, and the right form is shown: ${JSON.stringify(body)}`, async () => {
      await assertNotSent({ body }, 400, 'InvalidRequestContent', 'body_malformed')
      const { message } = assertRefused(await room.reconnect({ body }), 400, 'InvalidRequestContent')
      assert.ok(message.includes('{"properties":{"after":"PT5M"}}'), message)
    })
  }

  for (const [what, body] of [
    ['no JSON', '{"properties":'],
    ['an array', '[]'],
    ['a string', '"PT5M"'],
    ['a number', '5'],
    ['no UTF-8', Buffer.from('{"properties":{"after":"PT5M\xff"}}', 'latin1')],
    ['properties that are no object', '{"properties":"PT5M"}'],
    ['properties that are an array', '{"properties":[]}'],
    ['two documents', '{}{}'],
    ['20,000 nested arrays', '['.repeat(20_000)],
  ] as const) {
    it(`a body is refused when it is ${what}`, () =>
      assertNotSent(
        { body, headers: { 'content-type': 'application/json' } },
        400,
        'InvalidRequestContent',
        'body_malformed',
      ))
  }

  it('a body that is nested deep and valid is accepted', async () => {
    assertAccepted(
      await room.reconnectFresh({
        body: `{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
        headers: { 'content-type': 'application/json' },
      }),
    )
  })

  for (const type of ['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON;charset="UTF-8"']) {
    it(`a body may have the media type ${type}`, async () => {
      assertAccepted(
        await room.reconnectFresh({
          body: '{"properties":{"after":"PT5M"}}',
          headers: { 'content-type': type, 'content-encoding': 'identity' },
        }),
      )
      assert.deepEqual(JSON.parse(sent().body), { properties: { after: 'PT5M' } })
    })
  }

  const unsupported: ReconnectRequest['headers'][] = [
    {},
    { 'content-type': 'text/plain' },
    { 'content-type': 'text/json' },
    { 'content-type': 'application/jsonp' },
    { 'content-type': 'application/json, text/plain' },
    { 'content-type': 'application/json; charset=utf-16' },
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    { 'content-type': 'application/json', 'content-encoding': 'identity, br' },
  ]
  for (const headers of unsupported) {
    it(`a body is refused with ${JSON.stringify(headers)}`, () =>
      assertNotSent({ body: '{}', headers: headers ?? {} }, 415, 'UnsupportedMediaType', 'media_type_unsupported'))
  }
})

describe('after as a query parameter', () => {
  for (const query of ['?after=PT5M', '?AFTER=PT5M', '?api-version=2024-05-01&after=']) {
    it(`after as a query parameter is refused rather than lost: ${query}`, () =>
      assertNotSent({ query }, 400, 'InvalidQueryParameterValue', 'parameter_invalid', 'after'))
  }
})

describe('x-reconnect-reason', () => {
  it('x-reconnect-reason may have 200 printable ASCII characters', async () =>
    assertAccepted(await room.reconnectFresh({ headers: { 'x-reconnect-reason': 'x'.repeat(200) } })))

  for (const [what, reason] of [
    ['201 characters', 'x'.repeat(201)],
    // The host reads headers as UTF-8.
    ['another script', Buffer.from('é').toString('latin1')],
    ['a tab', 'a\tb'],
  ] as const) {
    it(`x-reconnect-reason is refused with ${what}`, () =>
      assertNotSent(
        { headers: { 'x-reconnect-reason': reason } },
        400,
        'InvalidRequestContent',
        'header_invalid',
        'x-reconnect-reason',
      ))
  }
})

describe('64 KiB', () => {
  const ofSize = (bytes: number): ReconnectRequest => ({
    body: '{"properties":{"after":"PT5M"}}'.padEnd(bytes),
    headers: { 'content-type': 'application/json' },
  })

  for (const bytes of [LIMIT_BYTES - 1, LIMIT_BYTES]) {
    it(`a body of ${bytes} bytes is read`, async () => {
      assertAccepted(await room.reconnectFresh(ofSize(bytes)))
      assert.deepEqual(JSON.parse(sent().body), { properties: { after: 'PT5M' } })
    })
  }

  for (const bytes of [LIMIT_BYTES + 1, 1024 * 1024]) {
    it(`a body of ${bytes} bytes is refused`, () =>
      assertNotSent(ofSize(bytes), 413, 'RequestEntityTooLarge', 'body_too_large'))
  }

  it('the limit of a body counts bytes, not characters', () =>
    assertNotSent(
      { body: `{"x":"${'é'.repeat(LIMIT_BYTES / 2)}"}`, headers: { 'content-type': 'application/json' } },
      413,
      'RequestEntityTooLarge',
      'body_too_large',
    ))

  it('a body in chunks, without an announced length, is refused rather than lost', () =>
    assertNotSent(
      {
        body: '{"properties":{"after":"PT5M"}}',
        headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
      },
      411,
      'LengthRequired',
      'length_required',
    ))

  it('a body with both a length and chunks is refused as one in chunks: the host drops the length', async () => {
    const correlationId = randomUUID()
    const head = [
      `POST ${info.backends[0]}/reconnect HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${info.tokens.operator}`,
      `x-ms-correlation-request-id: ${correlationId}`,
      'Content-Type: application/json',
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'Connection: close',
    ]
    const answer = await sendBytes(info.proxy, `${head.join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`)
    assert.match(answer, /^HTTP\/1\.1 411 /)
    assert.equal((await room.decision({ correlationId }))['reason'], 'length_required')
    assert.deepEqual(azure.journal.requests(), [])
  })
})

describe('after', () => {
  for (const given of ['PT2M', 'PT5M', 'PT3S', 'PT1S', 'PT24H', 'P1D', 'PT86400S', 'PT1H30M15S', 'PT0H5M', 'PT0.5S']) {
    it(`after ${given} is forwarded exactly as given`, async () => {
      const answer = await room.reconnectFresh({ body: { properties: { after: given } } })
      assertAccepted(answer)
      assert.deepEqual([sent().body, azure.journal.effects()[0]?.after], [`{"properties":{"after":"${given}"}}`, given])
      assert.equal((await room.decision(answer))['after'], given)
    })
  }

  const refused: [unknown, string][] = [
    ...[
      '',
      'P',
      'PT',
      'T5M',
      'PT5',
      '5M',
      'PT5M ',
      ' PT5M',
      'pt5m',
      'PT5M30',
      'PT-5M',
      '-PT5M',
      '+PT5M',
      'PT5M\u0000',
      'PT٥M',
      'PT1e3S',
      'five minutes',
      `PT${'0'.repeat(100)}5M`,
    ].map((text) => [text, 'not_iso8601'] as [unknown, string]),
    ...[5, 300, true, ['PT5M'], { seconds: 5 }].map((value) => [value, 'not_iso8601'] as [unknown, string]),
    ['PT0S', 'not_positive'],
    ['P0D', 'not_positive'],
    ['PT0.0S', 'not_positive'],
    ['PT24H1S', 'too_long'],
    ['PT86401S', 'too_long'],
    ['P1DT1S', 'too_long'],
    ['P1W', 'too_long'],
    ['P1M', 'too_long'],
    ['P1Y', 'too_long'],
  ]
  for (const [given, fault] of refused) {
    it(`after ${JSON.stringify(given).slice(0, 40)} is refused: ${fault}`, async () => {
      const answer = await room.reconnect({ body: { properties: { after: given } } })
      assert.equal(assertRefused(answer, 400, 'InvalidDuration').target, 'properties.after')
      const { reason, detail } = await room.decision(answer)
      assert.deepEqual([reason, detail, azure.journal.requests().length], ['duration_invalid', fault, 0])
    })
  }
})

describe('x-ms-client-request-id and x-ms-correlation-request-id', () => {
  it('request ids that are GUIDs travel to ARM and come back', async () => {
    const [clientRequestId, correlationId] = [randomUUID(), randomUUID().toUpperCase()]
    const answer = await room.reconnectFresh({
      headers: { 'x-ms-client-request-id': clientRequestId, 'x-ms-correlation-request-id': correlationId },
    })
    assertAccepted(answer)
    assert.deepEqual(
      [sent().headers['x-ms-client-request-id'], sent().headers['x-ms-correlation-request-id']],
      [clientRequestId, correlationId],
    )
    assert.deepEqual(
      [answer.headers['x-ms-client-request-id'], answer.headers['x-ms-correlation-request-id']],
      [clientRequestId, correlationId],
    )
    const decision = await room.decision({ correlationId })
    assert.deepEqual([decision['clientRequestId'], decision['armCorrelationId']], [clientRequestId, correlationId])
  })

  it('request ids come back with an error too', async () => {
    const clientRequestId = randomUUID()
    const answer = await room.reconnect({ as: null, headers: { 'x-ms-client-request-id': clientRequestId } })
    assertRefused(answer, 401, 'AuthenticationFailed')
    assert.equal(answer.headers['x-ms-client-request-id'], clientRequestId)
  })

  for (const given of ['not-a-guid', `{${randomUUID()}}`, `${randomUUID()},${randomUUID()}`, 'x'.repeat(300)]) {
    it(`request ids that are no GUIDs go nowhere: ${given.slice(0, 12)}…`, async () => {
      const answer = await room.reconnectFresh({
        headers: { 'x-ms-client-request-id': given, 'x-ms-correlation-request-id': given },
      })
      assertAccepted(answer)
      const made = String(answer.headers['x-ms-correlation-request-id'])
      assert.match(made, /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/)
      assert.deepEqual(
        [sent().headers['x-ms-correlation-request-id'], answer.headers['x-ms-client-request-id']],
        [made, undefined],
      )
      assert.doesNotMatch(JSON.stringify(sent().headers), new RegExp(given.slice(0, 12).replace('{', '\\{')))
      assert.equal((await room.decision({ correlationId: made }))['clientRequestId'], undefined)
    })
  }

  it('nothing else of the caller travels to ARM but the id of its trace: no token, no header, no address', async () => {
    const marked = {
      'x-forwarded-for': '203.0.113.9',
      cookie: 'a=marker',
      'x-custom': 'marker',
      'user-agent': 'marker/1.0',
      'accept-language': 'marker',
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
    }
    assertAccepted(await room.reconnectFresh({ headers: marked }))
    const { headers } = sent()
    assert.doesNotMatch(JSON.stringify(headers), /marker|203\.0\.113|x-reconnect/)
    assert.match(headers['traceparent'] ?? '', /^00-1{32}-(?!2{16})[0-9a-f]{16}-[0-9a-f]{2}$/)
  })
})
