import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test } from 'node:test'
import { createPooledHttpClient } from '../../../src/transport/http-client.ts'
import {
  reset,
  respond,
  serveScript,
  startScriptedServer,
  type ScriptedServer,
  type Step,
} from '../../support/scripted-server.ts'
import { aPost } from '../arm/a-post.ts'

describe('connections', () => {
  test('are kept and used again', async (t) => {
    const server = await serveScript(t, respond(202), respond(202), respond(202))
    const client = createPooledHttpClient({ maxResponseBytes: 256 * 1024 })
    for (let request = 0; request < 3; request += 1) {
      await client.sendRequest(aPost(server.origin))
      // The pool takes a connection back a moment after the answer is complete.
      await delay(5)
    }
    assert.equal(server.connections(), 1)
  })

  test('that the server has closed meanwhile do no harm', async (t) => {
    const closing: Step = (response) => response.writeHead(202, { connection: 'close' }).end()
    const idle: Step = (response) => {
      response.writeHead(202).end()
      response.once('close', () => setImmediate(() => response.req.socket.destroy()))
    }
    const server = await serveScript(t, closing, idle, respond(202))
    const client = createPooledHttpClient({ maxResponseBytes: 256 * 1024 })
    for (let request = 0; request < 3; request += 1) {
      assert.equal((await client.sendRequest(aPost(server.origin))).status, 202)
      await delay(50)
    }
  })

  test('are at most 64', { timeout: 10_000 }, async (t) => {
    let most = 0
    const slow: Step = (response) => {
      most = Math.max(most, server.connections())
      setTimeout(() => response.writeHead(202).end(), 5)
    }
    const server: ScriptedServer = await startScriptedServer(Array.from({ length: 300 }, () => slow))
    t.after(() => server.close())
    const client = createPooledHttpClient({ maxResponseBytes: 256 * 1024 })
    const answers = await Promise.all(Array.from({ length: 300 }, () => client.sendRequest(aPost(server.origin))))
    assert.ok(answers.every(({ status }) => status === 202))
    assert.equal(most, 64)
  })

  test('leave no listener on the signal', async (t) => {
    const server = await serveScript(t, respond(202), reset)
    const client = createPooledHttpClient({ maxResponseBytes: 256 * 1024 })
    let listeners = 0
    const { signal } = new AbortController()
    const counted = {
      aborted: false,
      addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => (
        (listeners += 1),
        signal.addEventListener(...args)
      ),
      removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => (
        (listeners -= 1),
        signal.removeEventListener(...args)
      ),
    } as unknown as AbortSignal
    await client.sendRequest(aPost(server.origin, { abortSignal: counted }))
    await client.sendRequest(aPost(server.origin, { abortSignal: counted })).catch(() => undefined)
    assert.equal(listeners, 0)
  })
})
