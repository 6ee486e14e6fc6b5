import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHandshakeReply } from '../../../src/http/webhook-handshake.ts'

const reply = (origin: string | undefined, format = 'event-grid') =>
  toHandshakeReply(format, new Headers(origin === undefined ? {} : { 'webhook-request-origin': origin }), 'c')

test('an origin that is a host name comes back, with a rate that limits nothing', () => {
  for (const origin of ['eventgrid.azure.net', 'localhost', 'a']) {
    const answer = reply(origin)
    assert.ok(answer.ok)
    assert.deepEqual(
      [
        answer.value.status,
        answer.value.headers['webhook-allowed-origin'],
        answer.value.headers['webhook-allowed-rate'],
      ],
      [200, origin, '*'],
    )
    assert.ok(!Object.keys(answer.value.headers).some((name) => name.startsWith('access-control-')))
  }
})

test('what is no host name is not repeated', () => {
  for (const origin of [undefined, '', '-', 'a b', 'https://eventgrid.azure.net', 'a,b', 'a'.repeat(300), '*'])
    assert.deepEqual(reply(origin).ok, false, origin)
})

test('only webhooks that take CloudEvents shake hands', () => {
  for (const format of ['azure-monitor', 'alertmanager', 'grafana', 'generic'])
    assert.equal(reply('eventgrid.azure.net', format).ok, false)
})
