import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPipelineRequest } from '@azure/core-rest-pipeline'
import type { BackendClient, ClientPool } from '../../../src/arm/client-pool.ts'
import { sendReconnect } from '../../../src/arm/send-reconnect.ts'
import { TransportError } from '../../../src/transport/transport-error.ts'
import { aDuration, aPermit, IDS } from '../../support/builders.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

type Reconnect = BackendClient['backend']['reconnect']
type Options = NonNullable<Parameters<Reconnect>[3]>

/** Clients of which only `backend.reconnect` is called. */
function clientsWith(reconnect: (options: Options) => Promise<unknown>): ClientPool {
  const backend = { reconnect: (...args: Parameters<Reconnect>) => reconnect(args[3] ?? {}) }
  return { get: () => ({ backend }) as unknown as BackendClient }
}

const request = createPipelineRequest({ url: 'https://arm.example/' })
const untilAborted = ({ abortSignal }: Options): Promise<void> =>
  new Promise((resolve) => abortSignal?.addEventListener('abort', () => resolve()))

for (const [sent, kind] of [
  [true, 'lost'],
  [false, 'not_sent'],
] as const) {
  test(`a transport error of a request that ${sent ? 'had' : 'had not'} left is "${kind}"`, async () => {
    const clients = clientsWith(() => Promise.reject(new TransportError(new Error('broken'), { request, sent })))
    const answer = await sendReconnect(aPermit(), IDS, { clients, clock: createFakeClock(), timeoutMs: 1_000 })
    assert.deepEqual(answer, { kind, detail: 'REQUEST_SEND_ERROR: broken', timedOut: false })
  })
}

test('the call ends when its time is up, whatever error the SDK makes of it, and counts as sent', async () => {
  const clock = createFakeClock()
  const clients = clientsWith(async (options) => {
    await untilAborted(options)
    throw new DOMException('aborted', 'AbortError')
  })
  const answer = sendReconnect(aPermit(), IDS, { clients, clock, timeoutMs: 1_000 })
  await clock.advance(1_000)
  assert.deepEqual(await answer, { kind: 'lost', detail: 'AbortError', timedOut: true })
})

test('an unknown error is a defect, not an unknown outcome', async () => {
  const clients = clientsWith(() => Promise.reject(new TypeError('a bug')))
  await assert.rejects(sendReconnect(aPermit(), IDS, { clients, clock: createFakeClock(), timeoutMs: 1_000 }), /a bug/)
})

test('a success without an answer is a defect', async () => {
  const clients = clientsWith(() => Promise.resolve())
  await assert.rejects(
    sendReconnect(aPermit(), IDS, { clients, clock: createFakeClock(), timeoutMs: 1_000 }),
    /without an answer/,
  )
})

test('leaves no timer behind, however it ends', async () => {
  const clock = createFakeClock()
  const clients = clientsWith(() => Promise.reject(new TransportError(new Error('broken'), { request, sent: true })))
  await sendReconnect(aPermit(), IDS, { clients, clock, timeoutMs: 1_000 })
  await clock.advance(0)
  assert.equal(clock.sleeping(), 0)
})

test('hands the SDK the parsed parts, the duration as it was written, and the ids', async () => {
  let given: Options = {}
  const clients = clientsWith((options) => {
    given = options
    return Promise.reject(new TransportError(new Error('enough'), { request, sent: false }))
  })
  await sendReconnect(
    aPermit({ after: aDuration('PT0.5S') }),
    { correlationId: IDS.correlationId },
    { clients, clock: createFakeClock(), timeoutMs: 1_000 },
  )
  assert.deepEqual(given.parameters, { after: 'PT0.5S' })
  assert.deepEqual(given.requestOptions?.customHeaders, { 'x-ms-correlation-request-id': IDS.correlationId })
})
