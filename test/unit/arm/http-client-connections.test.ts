import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, test, type TestContext } from 'node:test'
import { createPipelineRequest, type PipelineRequest } from '@azure/core-rest-pipeline'
import { createPooledHttpClient } from '../../../src/arm/http-client.ts'
import { reset, respond, startScriptedServer, type ScriptedServer, type Step } from '../../support/scripted-server.ts'

async function serve(t: TestContext, ...script: Step[]): Promise<ScriptedServer> {
  const server = await startScriptedServer(script)
  t.after(() => server.close())
  return server
}

function aPost(origin: string, change: Partial<PipelineRequest> = {}): PipelineRequest {
  return Object.assign(
    createPipelineRequest({
      url: `${origin}/backends/orders/reconnect?api-version=2024-05-01`,
      method: 'POST',
      allowInsecureConnection: true,
    }),
    change,
  )
}

describe('connections', () => {
  test('are kept and used again', async (t) => {
    const server = await serve(t, respond(202), respond(202), respond(202))
    const client = createPooledHttpClient()
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
    const server = await serve(t, closing, idle, respond(202))
    const client = createPooledHttpClient()
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
    const client = createPooledHttpClient()
    const answers = await Promise.all(Array.from({ length: 300 }, () => client.sendRequest(aPost(server.origin))))
    assert.ok(answers.every(({ status }) => status === 202))
    assert.equal(most, 64)
  })

  test('leave no listener on the signal', async (t) => {
    const server = await serve(t, respond(202), reset)
    const client = createPooledHttpClient()
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
