import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPipelineRequest, isRestError } from '@azure/core-rest-pipeline'
import { errors } from 'undici'
import { TransportError } from '../../../src/transport/transport-error.ts'

const request = createPipelineRequest({ url: 'https://arm.example/', method: 'POST' })

const CODES: readonly [Error, string][] = [
  [new errors.SocketError('other side closed'), 'ECONNRESET'],
  [new errors.ClientClosedError(), 'ECONNRESET'],
  [new errors.ClientDestroyedError(), 'ECONNRESET'],
  [new errors.ConnectTimeoutError(), 'ETIMEDOUT'],
  [new errors.HeadersTimeoutError(), 'ETIMEDOUT'],
  [new errors.BodyTimeoutError(), 'ETIMEDOUT'],
  [
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    'DEPTH_ZERO_SELF_SIGNED_CERT',
  ],
  [Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [new Error('without a code'), 'REQUEST_SEND_ERROR'],
]

for (const [cause, code] of CODES) {
  test(`"${cause.message}" has the code ${code}, as users of the SDK know it`, () => {
    const error = new TransportError(cause, { request, sent: true })
    assert.equal(error.code, code)
    assert.equal(error.cause, cause)
    assert.equal(error.message, cause.message)
  })
}

test('is a RestError to the SDK', () => {
  assert.ok(isRestError(new TransportError(new Error('x'), { request, sent: false })))
})

test('says whether the request had left', () => {
  assert.equal(new TransportError(new Error('x'), { request, sent: false }).sent, false)
  assert.equal(new TransportError(new Error('x'), { request, sent: true }).sent, true)
})

test('is named AbortError when the request was aborted, and only then', () => {
  const aborted = createPipelineRequest({ url: 'https://arm.example/', abortSignal: AbortSignal.abort() })
  assert.equal(new TransportError(new Error('x'), { request: aborted, sent: true }).name, 'AbortError')
  assert.notEqual(new TransportError(new Error('x'), { request, sent: true }).name, 'AbortError')
})

test('what is no error at all still has a code and a message', () => {
  const error = new TransportError('text', { request, sent: true })
  assert.equal(error.code, 'REQUEST_SEND_ERROR')
  assert.equal(error.message, 'the request failed')
})
