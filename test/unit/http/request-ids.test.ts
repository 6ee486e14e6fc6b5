import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGuid } from '../../../src/domain/segments.ts'
import { readRequestIds } from '../../../src/http/request-ids.ts'
import { IDS } from '../../support/builders.ts'

test("keeps the caller's GUIDs as they were written", () => {
  const correlationId = IDS.correlationId.toUpperCase()
  const headers = new Headers({
    'x-ms-correlation-request-id': correlationId,
    'x-ms-client-request-id': IDS.clientRequestId ?? '',
  })
  assert.deepEqual(readRequestIds(headers), { correlationId, clientRequestId: IDS.clientRequestId })
})

test('makes a correlation id, and no client request id, where there is none', () => {
  const ids = readRequestIds(new Headers())
  assert.ok(isGuid(ids.correlationId))
  assert.deepEqual(Object.keys(ids), ['correlationId'])
  assert.notEqual(readRequestIds(new Headers()).correlationId, ids.correlationId)
})

test('repeats nothing that is no GUID', () => {
  const value = fc.oneof(
    fc.stringMatching(/^[ -~]{0,60}$/),
    fc.constantFrom(
      `{${IDS.correlationId}}`,
      `${IDS.correlationId}, ${IDS.correlationId}`,
      IDS.correlationId.replaceAll('-', ''),
    ),
  )
  fc.assert(
    fc.property(value, (text) => {
      const ids = readRequestIds(new Headers({ 'x-ms-correlation-request-id': text, 'x-ms-client-request-id': text }))
      assert.ok(isGuid(ids.correlationId))
      assert.notEqual(ids.correlationId, text)
      assert.equal(ids.clientRequestId, undefined)
    }),
  )
})
