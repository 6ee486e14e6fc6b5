import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toReconnectReply } from '../../../src/http/reconnect-reply.ts'
import type { Settled } from '../../../src/reconnect/reconnect.ts'
import { ok } from '../../../src/shared/result.ts'
import { aCommand, aDuration, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const CHALLENGE = { authorizationUri: 'https://login.microsoftonline.com/t' }
const COMMON = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

function settled(change: Partial<Settled> = {}): { readonly ok: true; readonly value: Settled } {
  return ok({ outcome: 'forwarded', command: aCommand(), dueEpochMs: START_EPOCH_MS + 120_000, ...change })
}

test("a 202 has no body, and ARM's ids beside ours", () => {
  const arm = { status: 202, requestId: 'r1', correlationId: 'c1', routingRequestId: 'WESTEUROPE:r1' }
  assert.deepEqual(toReconnectReply({ result: settled(), arm }, IDS, CHALLENGE), {
    status: 202,
    headers: {
      ...COMMON,
      'x-ms-request-id': 'r1',
      'x-ms-routing-request-id': 'WESTEUROPE:r1',
      'x-ms-correlation-request-id': 'c1',
      'x-ms-client-request-id': IDS.clientRequestId,
      'x-reconnect-outcome': 'forwarded',
      'x-reconnect-due': '2026-11-23T00:02:00.000Z',
    },
  })
})

test('a dry run says so, and carries our own correlation id', () => {
  assert.deepEqual(
    toReconnectReply({ result: settled({ outcome: 'dry-run' }), arm: undefined }, { correlationId: IDS.correlationId }, CHALLENGE).headers,
    {
      ...COMMON,
      'x-ms-correlation-request-id': IDS.correlationId,
      'x-reconnect-outcome': 'dry-run',
      'x-reconnect-due': '2026-11-23T00:02:00.000Z',
    },
  )
})

for (const [text, warning] of [
  ['PT1M59S', 'after-below-minimum'],
  ['PT2M', undefined],
] as const) {
  test(`after ${text} ${warning === undefined ? 'brings no warning' : 'brings a warning'}`, () => {
    const reply = toReconnectReply({ result: settled({ command: aCommand({ after: aDuration(text) }) }), arm: undefined }, IDS, CHALLENGE)
    assert.equal(reply.headers['x-reconnect-warning'], warning)
  })
}

test("an error carries the id that the audit record carries, ARM's request id, and the caller's", () => {
  const result = { ok: false, error: { reason: 'arm_failed', status: 500, detail: 'd' } } as const
  const { status, headers } = toReconnectReply({ result, arm: { status: 500, requestId: 'r1', correlationId: 'not ours' } }, IDS, CHALLENGE)
  assert.equal(status, 502)
  assert.equal(headers['x-ms-correlation-request-id'], IDS.correlationId)
  assert.equal(headers['x-ms-request-id'], 'r1')
  assert.equal(headers['x-ms-client-request-id'], IDS.clientRequestId)
  assert.equal(headers['x-reconnect-outcome'], undefined)
})
