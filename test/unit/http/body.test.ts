import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HttpRequest } from '@azure/functions'
import { checkFraming, MAX_RECONNECT_BODY_BYTES, readJsonBody } from '../../../src/http/body.ts'

const LIMIT = MAX_RECONNECT_BODY_BYTES

describe('framing', () => {
  const check = (headers: Record<string, string>): string => {
    const result = checkFraming(new Headers(headers), LIMIT)
    return result.ok ? 'ok' : result.error.reason
  }

  test('the limit is 64 KiB', () => assert.equal(LIMIT, 65_536))

  const CASES: readonly [string, Record<string, string>, string][] = [
    ['no body at all', {}, 'ok'],
    ['a length of zero', { 'content-length': '0' }, 'ok'],
    ['exactly the limit', { 'content-length': '65536' }, 'ok'],
    ['one byte more', { 'content-length': '65537' }, 'body_too_large'],
    ['far more', { 'content-length': '9'.repeat(40) }, 'body_too_large'],
    ['a length that is no number', { 'content-length': 'many' }, 'body_too_large'],
    ['two lengths', { 'content-length': '5, 70000' }, 'body_too_large'],
    [
      'chunked transfer coding, which the platform would hand over as empty',
      { 'transfer-encoding': 'chunked' },
      'length_required',
    ],
    ['chunked with a length', { 'transfer-encoding': 'chunked', 'content-length': '5' }, 'ok'],
  ]
  for (const [name, headers, expected] of CASES)
    test(`${name}: ${expected}`, () => assert.equal(check(headers), expected))
})

describe('reading', () => {
  interface Sent {
    readonly body?: string | Uint8Array
    readonly headers?: Record<string, string>
  }

  async function read({
    body,
    headers = { 'content-type': 'application/json' },
  }: Sent): Promise<string | Uint8Array | undefined> {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const request = new HttpRequest({
      method: 'POST',
      url: 'http://app.example/',
      headers,
      ...(bytes === undefined ? {} : { body: { bytes } }),
    })
    const result = await readJsonBody(request, LIMIT)
    return result.ok ? result.value : result.error.reason
  }

  test('gives the bytes as they were sent', async () => {
    const body = Buffer.from('\ufeff{"ä":"\u2028"}')
    assert.deepEqual(await read({ body }), body)
  })

  test('gives no body for none, whatever its media type', async () => {
    assert.equal(await read({}), undefined)
    assert.equal(await read({ headers: {} }), undefined)
    assert.equal(await read({ headers: { 'content-length': '0', 'content-type': 'text/plain' } }), undefined)
  })

  test('reads exactly the limit', async () => {
    assert.equal((await read({ body: 'x'.repeat(LIMIT) }))?.length, LIMIT)
  })

  test('stops one byte later, also when the announced length was smaller', async () => {
    assert.equal(await read({ body: 'x'.repeat(LIMIT + 1) }), 'body_too_large')
    assert.equal(
      await read({
        body: 'x'.repeat(LIMIT + 1),
        headers: { 'content-type': 'application/json', 'content-length': '5' },
      }),
      'body_too_large',
    )
  })

  const ACCEPTED = [
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON;charset="UTF-8"',
    'application/json; odata=verbose',
  ]
  for (const type of ACCEPTED)
    test(`accepts ${type}`, async () =>
      assert.ok((await read({ body: '{}', headers: { 'content-type': type } })) instanceof Uint8Array))

  const REFUSED = [
    '',
    'text/plain',
    'application/xml',
    'application/json-patch+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/json; charset=utf-16',
    'application/json; charset=iso-8859-1',
    'application/json, text/plain',
    'json',
    '*/*',
  ]
  for (const type of REFUSED)
    test(`refuses ${type === '' ? 'an empty media type' : type}`, async () =>
      assert.equal(await read({ body: '{}', headers: { 'content-type': type } }), 'media_type_unsupported'))

  test('refuses a body without a media type', async () =>
    assert.equal(await read({ body: '{}', headers: {} }), 'media_type_unsupported'))

  for (const coding of ['gzip', 'deflate', 'br', 'gzip, identity', 'x']) {
    test(`refuses content coding ${coding}: nothing is unpacked here`, async () => {
      assert.equal(
        await read({ body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': coding } }),
        'media_type_unsupported',
      )
    })
  }

  test('accepts the content coding "identity"', async () => {
    assert.ok(
      (await read({
        body: '{}',
        headers: { 'content-type': 'application/json', 'content-encoding': 'Identity' },
      })) instanceof Uint8Array,
    )
  })
})
