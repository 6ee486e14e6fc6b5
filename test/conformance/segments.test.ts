/** Contract, section 3: every path segment is validated before anything is sent. Attacks are written on a socket byte by byte, past every client. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, afterEach, describe, it } from 'node:test'
import { SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { sendBytes } from '../sandbox/raw-http.ts'
import { sibling, startConversation } from './conversation.ts'

const room = await startConversation({ after })
const { info } = room.sandbox
const [ORDERS, PAYMENTS] = info.backends as [string, string]

interface Parts {
  readonly subscription?: string
  readonly group?: string
  readonly service?: string
  readonly backend?: string
}

/** The request target, with parts as they are to stand on the wire. */
function target({
  subscription = SUBSCRIPTION_ID,
  group = 'rg-apim',
  service = 'apim-prod',
  backend = 'orders',
}: Parts): string {
  return `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ApiManagement/service/${service}/backends/${backend}/reconnect`
}

interface RawAnswer {
  readonly status: number
  readonly text: string
  readonly correlationId: string
}

async function sendTarget(path: string, as: 'operator' | 'tool' = 'operator', body = ''): Promise<RawAnswer> {
  const correlationId = randomUUID()
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(info.proxy).host}`,
    `Authorization: Bearer ${info.tokens[as]}`,
    `x-ms-correlation-request-id: ${correlationId}`,
  ]
  const text = await sendBytes(
    info.proxy,
    `${[...lines, 'Content-Type: application/json', `Content-Length: ${body.length}`, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`,
  )
  return { status: Number(/^HTTP\/1\.1 ([0-9]{3}) /.exec(text)?.[1]), text, correlationId }
}

/** Refused by us as an invalid segment, or by the host before it came to us; never anything else. */
type Refusal = 'subscriptionId' | 'resourceGroupName' | 'serviceName' | 'backendId' | 'host 400' | 'host 404'

async function assertNeverSent(path: string, refusal: Refusal): Promise<void> {
  const recorded = room.decisions().length
  const answer = await sendTarget(path)
  if (refusal.startsWith('host')) {
    assert.equal(`host ${answer.status}`, refusal, answer.text)
    assert.equal(room.decisions().length, recorded)
  } else {
    assert.equal(answer.status, 400, answer.text)
    const { error } = JSON.parse(answer.text.slice(answer.text.indexOf('{'), answer.text.lastIndexOf('}') + 1)) as {
      error: { code: string; target: string; message: string }
    }
    assert.deepEqual([error.code, error.target], ['InvalidResourceId', refusal])
    const { reason, detail, fault, outcome } = await room.decision(answer)
    assert.deepEqual(
      { reason, detail, fault, outcome },
      { reason: 'segment_invalid', detail: refusal, fault: 'caller', outcome: 'refused' },
    )
  }
}

/** Nothing in this file is ever sent but what the last suite sends on purpose. */
const assertNothingReached = (): void => assert.deepEqual(room.reached(), { arm: 0, identity: 0 })

/** What no segment may be, whatever its grammar, as bytes of the request target. Dots climb in the host, before the route is looked for. */
const ATTACKS: readonly [what: string, bytes: string, host?: 'host 400' | 'host 404'][] = [
  ['..', '..', 'host 404'],
  ['.', '.', 'host 404'],
  ['encoded dots', '%2e%2e', 'host 404'],
  ['encoded dots in upper case', '%2E%2E', 'host 404'],
  ['one encoded dot', '.%2e', 'host 404'],
  ['a single encoded dot', '%2e', 'host 404'],
  ['doubly encoded dots', '%252e%252e'],
  ['triply encoded dots', '%25252e%25252e'],
  ['an encoded slash', 'a%2fb'],
  ['a climb over an encoded slash', '..%2f..%2forders'],
  ['a doubly encoded slash', '..%252f..%252forders'],
  ['an encoded backslash', 'a%5cb'],
  ['a climb over encoded backslashes', '..%5c..%5corders'],
  ['a doubly encoded backslash', '..%255corders'],
  ['a backslash', '..\\..\\orders'],
  ['dots in overlong UTF-8', '%c0%ae%c0%ae'],
  ['a slash in overlong UTF-8', '..%c0%afx'],
  ['full-width dots', '%ef%bc%8e%ef%bc%8e'],
  ['a one-dot leader', '%e2%80%a4%e2%80%a4'],
  ['a division slash', 'a%e2%88%95b'],
  ['NUL', 'a%00b', 'host 400'],
  ['NUL, doubly encoded', 'a%2500b'],
  ['a line break', 'a%0d%0aHost:%20x'],
  ['a tab', 'a%09b'],
  ['DEL', 'a%7fb'],
  ['a space', 'a%20b'],
  ['a trailing space', 'a%20'],
  ['a leading space', '%20a'],
  ['a trailing no-break space', 'a%c2%a0'],
  ['a question mark', 'a%3fb'],
  ['a number sign', 'a%23b'],
  ['a plus', 'a+b'],
  ['an ampersand', 'a&b'],
  ['an asterisk', 'a*b'],
  ['a colon', 'a:b'],
  ['angle brackets', 'a%3cb%3e'],
  ['a bare percent sign', 'a%'],
  ['a percent sign', 'a%25'],
  ['KELVIN SIGN, which JavaScript folds to k', '%e2%84%aaa'],
  ['LONG S, which JavaScript raises to S', 'a%c5%bf'],
  ['DOTLESS I, which JavaScript raises to I', 'a%c4%b1'],
  ['DOTTED I', 'a%c4%b0'],
  ['a Cyrillic а', '%d0%b0'],
  ['a zero-width space', 'a%e2%80%8bb'],
  ['a soft hyphen', 'a%c2%adb'],
  ['a byte order mark', '%ef%bb%bfa'],
  ['a right-to-left override', 'a%e2%80%aeb'],
  ['a lone surrogate in UTF-8', '%ed%a0%80'],
  ['a byte that is no UTF-8', 'a%ff'],
  ['raw bytes outside ASCII', 'a\xc5\xbf', 'host 400'],
  ['nothing', '', 'host 404'],
]

const SEGMENTS = [
  ['subscription', 'subscriptionId'],
  ['group', 'resourceGroupName'],
  ['service', 'serviceName'],
  ['backend', 'backendId'],
] as const

for (const [part, segment] of SEGMENTS) {
  describe(`as ${segment}, these never reach ARM or the identity endpoint`, () => {
    afterEach(assertNothingReached)
    for (const [what, bytes, host] of ATTACKS) {
      it(what, () => assertNeverSent(target({ [part]: bytes }), host ?? segment))
    }
  })
}

describe('the grammar of each segment', () => {
  afterEach(assertNothingReached)
  const refused: { what: string; parts: Parts; segment: Refusal }[] = [
    { what: 'a subscription that is no GUID', parts: { subscription: 'production' }, segment: 'subscriptionId' },
    { what: 'a GUID in braces', parts: { subscription: `%7b${SUBSCRIPTION_ID}%7d` }, segment: 'subscriptionId' },
    {
      what: 'a GUID without hyphens',
      parts: { subscription: SUBSCRIPTION_ID.replaceAll('-', '') },
      segment: 'subscriptionId',
    },
    { what: 'a GUID and something', parts: { subscription: `${SUBSCRIPTION_ID}0` }, segment: 'subscriptionId' },
    { what: 'a resource group of 91 characters', parts: { group: 'g'.repeat(91) }, segment: 'resourceGroupName' },
    { what: 'a resource group that ends in a dot', parts: { group: 'rg-apim.' }, segment: 'resourceGroupName' },
    { what: 'a resource group of three dots', parts: { group: '...' }, segment: 'resourceGroupName' },
    { what: 'a resource group in another script', parts: { group: 'rg-%c3%a9' }, segment: 'resourceGroupName' },
    { what: 'a service of 51 characters', parts: { service: 's'.repeat(51) }, segment: 'serviceName' },
    { what: 'a service that starts with a digit', parts: { service: '1apim' }, segment: 'serviceName' },
    { what: 'a service that starts with a hyphen', parts: { service: '-apim' }, segment: 'serviceName' },
    { what: 'a service that ends in a hyphen', parts: { service: 'apim-' }, segment: 'serviceName' },
    { what: 'a service with a dot', parts: { service: 'apim.prod' }, segment: 'serviceName' },
    { what: 'a service with an underscore', parts: { service: 'apim_prod' }, segment: 'serviceName' },
    { what: 'a backend of 81 characters', parts: { backend: 'b'.repeat(81) }, segment: 'backendId' },
  ]
  for (const { what, parts, segment } of refused) {
    it(`a path with ${what} is refused`, () => assertNeverSent(target(parts), segment))
  }

  it('the refusal of a segment names it and what is expected, and does not repeat what was sent', async () => {
    const answer = await sendTarget(target({ backend: 'marker%20here' }))
    assert.match(answer.text, /The 'backendId' in the path is invalid: expected 1 to 80 printable ASCII/)
    assert.doesNotMatch(answer.text, /marker/)
  })
})

describe('what is authorized is what would be sent, after any change of the path by the host', () => {
  afterEach(assertNothingReached)
  const asTool = async (path: string, status: number, backend?: string): Promise<void> => {
    const answer = await sendTarget(path, 'tool')
    assert.equal(answer.status, status, answer.text)
    if (status === 403)
      assert.deepEqual(
        [answer.text.includes(`over scope '${backend ?? ''}'`), (await room.decision(answer))['backend']],
        [true, backend],
      )
  }

  // The tool may reconnect `orders` and nothing else.
  it('a path that climbs from a granted backend to another asks for the other', async () => {
    await asTool(target({ backend: 'orders/../payments' }), 403, PAYMENTS)
    await asTool(target({ backend: 'orders/%2e%2e/payments' }), 403, PAYMENTS)
    await asTool(
      target({ service: 'apim-prod/backends/orders/../../../apim-dev' }),
      403,
      ORDERS.replace('apim-prod', 'apim-dev'),
    )
  })

  it('a path that ends elsewhere after climbing leads nowhere', async () => {
    for (const backend of ['orders/..', 'orders/../..', '../orders', '%2e%2e/%2e%2e/x'])
      await asTool(target({ backend }), 404)
  })

  it('names that are nearly the granted one are other names', async () => {
    for (const id of ['orders.', 'orders~', 'order', 'orders-eu', 'orders;x', "orders'", 'orders,orders'])
      await asTool(target({ backend: id }), 403, sibling(ORDERS, id))
    await asTool(target({ service: 'apim-pro' }), 403, ORDERS.replace('apim-prod', 'apim-pro'))
    await asTool(target({ service: 'apim-prod-eu' }), 403, ORDERS.replace('apim-prod', 'apim-prod-eu'))
    await asTool(target({ group: 'rg-apim-eu' }), 403, ORDERS.replace('rg-apim', 'rg-apim-eu'))
  })

  it('look-alikes of the granted id are refused as invalid, not folded into it', async () => {
    const lookAlikes = [
      { backend: 'order%c5%bf' },
      { service: 'ap%c4%b1m-prod' },
      { service: 'apim%e2%80%90prod' },
      { group: 'rg-ap%c4%b1m' },
      { backend: 'o%ef%bd%92ders' },
    ]
    for (const parts of lookAlikes) await asTool(target(parts), 400)
  })

  it('look-alikes of the fixed words of the route are other routes', async () => {
    for (const [word, other] of [
      ['subscriptions', '%c5%bfubscriptions'],
      ['backends', 'bac%e2%84%aaends'],
      ['Microsoft.ApiManagement', 'M%c4%b1crosoft.ApiManagement'],
      ['reconnect', 'reconnect%20'],
    ] as const) {
      await asTool(target({}).replace(word, other), 404)
    }
  })

  it('neither query nor headers can name another target', async () => {
    await asTool(`${target({ backend: 'payments' })}?backendId=orders&api-version=2024-05-01`, 403, PAYMENTS)
    const answer = await room.reconnect({
      backend: PAYMENTS,
      as: 'tool',
      headers: {
        'x-original-url': `${ORDERS}/reconnect`,
        'x-rewrite-url': `${ORDERS}/reconnect`,
        'x-ms-original-url': `${ORDERS}/reconnect`,
      },
    })
    assert.equal(answer.status, 403)
  })

  it('a target in absolute form is judged by its path', async () => {
    await asTool(`${info.proxy}${target({ backend: 'payments' })}`, 403, PAYMENTS)
  })
})

describe('what is well formed is sent as it was spelled', () => {
  it('a request that passes reaches the identity endpoint and ARM: this file would see it', async () => {
    assertNothingReached()
    assert.equal((await sendTarget(target({}), 'tool')).status, 202)
    assert.deepEqual(room.reached(), { arm: 1, identity: 1 })
  })

  it('one grant covers every ASCII spelling, and ARM sees the spelling that was sent', async () => {
    const path = target({ group: 'RG-Apim', service: 'APIM-PROD', backend: 'OrDeRs' })
    // Sooner than what the test before this one has asked for under another spelling, which it would join.
    const sooner = '{"properties":{"after":"PT1M"}}'
    // A GUID has no spelling of its own: one SDK client serves a subscription, however it is written.
    assert.equal(
      (await sendTarget(path.replace(SUBSCRIPTION_ID, SUBSCRIPTION_ID.toUpperCase()), 'tool', sooner)).status,
      202,
    )
    assert.equal(
      room.sandbox.azure.journal.requests().at(-1)?.path.replace(SUBSCRIPTION_ID.toUpperCase(), SUBSCRIPTION_ID),
      path,
    )
  })

  it('every character that a backend id may have arrives', async () => {
    for (const backend of info.backends) {
      // Sooner than what the tests before this one have asked for.
      const answer = await sendTarget(
        `${sibling(backend, encodeURIComponent(backend.slice(backend.lastIndexOf('/') + 1)))}/reconnect`,
        'operator',
        '{"properties":{"after":"PT5S"}}',
      )
      assert.equal(answer.status, 202, answer.text)
      assert.equal(room.sandbox.azure.journal.effects().at(-1)?.backend, backend)
    }
  })

  it('the longest and the most unusual names are sent: ARM decides', async () => {
    for (const parts of [
      { backend: 'b'.repeat(80) },
      { backend: '...' },
      { backend: '.orders' },
      { backend: '!"$\'(),-.0;=@A[]^_`a{|}~' },
    ] as Parts[]) {
      const answer = await sendTarget(target({ ...parts, backend: encodeURIComponent(parts.backend as string) }))
      assert.deepEqual([answer.status, answer.text.includes('Backend not found.')], [404, true], answer.text)
    }
  })
})
