import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test } from 'node:test'
import type { HttpClient, PipelineRequest } from '@azure/core-rest-pipeline'
import { createPooledHttpClient } from '../../../src/transport/http-client.ts'
import { TransportError } from '../../../src/transport/transport-error.ts'
import { hang, reset, respond, serveScript, startScriptedServer, type Step } from '../../support/scripted-server.ts'
import { aPost } from '../arm/a-post.ts'

const aClient = (): HttpClient => createPooledHttpClient({ maxResponseBytes: 256 * 1024 })

async function failureOf(client: HttpClient, request: PipelineRequest): Promise<TransportError> {
  const error = await client.sendRequest(request).then(
    () => assert.fail('this request has no answer'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TransportError)
  return error
}

/** A port on which nothing listens: it was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('an answer', () => {
  test('arrives with status, headers and body; the request arrives with path, query, headers and body', async (t) => {
    const server = await serveScript(
      t,
      respond(202, { headers: { 'x-ms-request-id': 'r1', 'set-cookie': ['a=1', 'b=2'] }, body: '{"ä":1}' }),
    )
    const request = aPost(server.origin, { body: '{"properties":{"after":"PT5M"}}' })
    request.headers.set('x-ms-correlation-request-id', 'c1')
    const response = await aClient().sendRequest(request)
    assert.equal(response.status, 202)
    assert.equal(response.headers.get('X-MS-Request-Id'), 'r1')
    assert.equal(response.headers.get('set-cookie'), 'a=1, b=2')
    assert.equal(response.bodyAsText, '{"ä":1}')
    assert.equal(response.request, request)
    const [received] = server.received
    assert.equal(received?.method, 'POST')
    assert.equal(received?.url, '/backends/orders/reconnect?api-version=2024-05-01')
    assert.equal(received?.headers['x-ms-correlation-request-id'], 'c1')
    assert.equal(received?.body, '{"properties":{"after":"PT5M"}}')
  })

  test('is asked for without content coding, so that nothing needs to be unpacked', async (t) => {
    const server = await serveScript(t, respond(202))
    const request = aPost(server.origin)
    request.headers.set('Accept-Encoding', 'gzip,deflate')
    await aClient().sendRequest(request)
    assert.equal(server.received[0]?.headers['accept-encoding'], undefined)
    assert.equal(request.headers.get('accept-encoding'), 'gzip,deflate', 'the request of the SDK stays as it was')
  })

  test('is the last one: of interim answers nothing stays', async (t) => {
    const interim: Step = (response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload', 'retry-after': '99' })
      setTimeout(() => response.writeHead(202).end(), 10)
    }
    const server = await serveScript(t, interim)
    const response = await aClient().sendRequest(aPost(server.origin))
    assert.deepEqual([response.status, response.headers.get('retry-after')], [202, undefined])
  })

  test('has its challenge: an SDK may have to find out who gives its tokens', async (t) => {
    const server = await serveScript(t, respond(401, { headers: { 'www-authenticate': 'Bearer resource_id=x' } }))
    const response = await aClient().sendRequest(aPost(server.origin))
    assert.deepEqual([response.status, response.headers.get('www-authenticate')], [401, 'Bearer resource_id=x'])
  })

  for (const status of [301, 302, 303, 307, 308]) {
    test(`that redirects (${status}) is an answer and is not followed`, async (t) => {
      const server = await serveScript(t, respond(status, { headers: { location: '/elsewhere' } }), respond(202))
      const response = await aClient().sendRequest(aPost(server.origin))
      assert.equal(response.status, status)
      assert.equal(server.received.length, 1)
    })
  }

  test('as long as the bound is read whole', async (t) => {
    const server = await serveScript(t, respond(400, { body: 'x'.repeat(256 * 1024) }))
    const response = await aClient().sendRequest(aPost(server.origin))
    assert.equal(response.bodyAsText?.length, 256 * 1024)
  })

  test('longer than the bound is cut off, its connection is closed, and what it would have said is not known', async (t) => {
    const endless: Step = (response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    }
    const server = await serveScript(t, endless)
    const error = await failureOf(aClient(), aPost(server.origin))
    assert.equal(error.sent, true)
    assert.match(error.message, /longer than 262144 bytes/)
    await server.allClosed()
  })
})

describe('what certainly was not sent', () => {
  test('a refused connection', async () => {
    const error = await failureOf(aClient(), aPost(`http://127.0.0.1:${await closedPort()}`))
    assert.equal(error.sent, false)
    assert.equal(error.code, 'ECONNREFUSED')
  })

  test('a name that does not exist', async () => {
    const error = await failureOf(aClient(), aPost('http://arm.invalid'))
    assert.equal(error.sent, false)
    assert.match(error.code ?? '', /^(ENOTFOUND|EAI_AGAIN)$/)
  })

  test('plain http where TLS is expected', async (t) => {
    const server = await serveScript(t, respond(202))
    const error = await failureOf(aClient(), aPost(server.origin.replace('http:', 'https:')))
    assert.equal(error.sent, false)
    assert.equal(server.received.length, 0)
  })

  test('a request that was aborted before it began', async (t) => {
    const server = await serveScript(t, respond(202))
    const error = await failureOf(aClient(), aPost(server.origin, { abortSignal: AbortSignal.abort() }))
    assert.equal(error.sent, false)
    assert.equal(error.name, 'AbortError')
    await delay(20)
    assert.deepEqual([server.received.length, server.connections()], [0, 0])
  })

  test('a request that was aborted while it waited for a connection, also later', { timeout: 5_000 }, async (t) => {
    const server = await startScriptedServer([...Array.from({ length: 64 }, () => hang), respond(202)])
    t.after(() => server.close())
    const client = aClient()
    const occupied = new AbortController()
    const occupants = Array.from({ length: 64 }, () =>
      client.sendRequest(aPost(server.origin, { abortSignal: occupied.signal })).catch(() => undefined),
    )
    while (server.received.length < 64) await delay(5)

    const late = new AbortController()
    const waiting = failureOf(client, aPost(server.origin, { abortSignal: late.signal }))
    await delay(20)
    late.abort()
    const error = await waiting
    assert.equal(error.sent, false)

    occupied.abort()
    await Promise.all(occupants)
    await delay(50)
    assert.equal(server.received.length, 64, 'the aborted request left after all')
  })

  test('a header that could not be written', async (t) => {
    const server = await serveScript(t, respond(202))
    const request = aPost(server.origin)
    request.headers.set('authorization', 'Bearer secret\0')
    const error = await failureOf(aClient(), request)
    assert.equal(error.sent, false)
    assert.doesNotMatch(error.message, /secret/)
  })
})

describe('what may have taken effect', () => {
  test('a connection that is reset before the answer', async (t) => {
    const server = await serveScript(t, reset)
    const error = await failureOf(aClient(), aPost(server.origin))
    assert.equal(error.sent, true)
    assert.equal(error.code, 'ECONNRESET')
    assert.ok(error.cause instanceof Error)
  })

  test('an answer that breaks off', async (t) => {
    const server = await serveScript(t, (response) => {
      response.writeHead(202, { 'content-length': '100' })
      response.write('part')
      setImmediate(() => response.socket?.destroy())
    })
    const error = await failureOf(aClient(), aPost(server.origin))
    assert.equal(error.sent, true)
  })

  test('an answer that is no HTTP', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('220 smtp.example ready\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const error = await failureOf(aClient(), aPost(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
    assert.equal(error.sent, true)
  })

  test('a request that is aborted while the server hangs; the connection is not kept', async (t) => {
    const server = await serveScript(t, hang)
    const abort = new AbortController()
    const failing = failureOf(aClient(), aPost(server.origin, { abortSignal: abort.signal }))
    while (server.received.length === 0) await delay(5)
    abort.abort()
    const error = await failing
    assert.equal(error.sent, true)
    assert.equal(error.name, 'AbortError')
    await server.allClosed()
  })

  test('it is not sent again by the client itself', async (t) => {
    const server = await serveScript(t, reset, respond(202))
    await failureOf(aClient(), aPost(server.origin))
    await delay(50)
    assert.equal(server.received.length, 1)
  })
})

describe('a request', () => {
  test('is not sent without TLS, unless the SDK allows it', async (t) => {
    const server = await serveScript(t, respond(202))
    const request = aPost(server.origin, { allowInsecureConnection: false })
    await assert.rejects(aClient().sendRequest(request), /without TLS/)
    assert.equal(server.received.length, 0)
  })

  test('whose body is no text is not sent without it', async (t) => {
    const server = await serveScript(t, respond(202))
    const request = aPost(server.origin, { body: new Blob(['{}']) })
    await assert.rejects(aClient().sendRequest(request), /no text/)
    assert.equal(server.received.length, 0)
  })
})
