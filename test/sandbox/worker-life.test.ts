/** How a worker ends: by functionTimeout, or because the host is told to stop. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createSandbox } from '../../sandbox/create-sandbox.ts'
import { createWorkerLife, WorkerLost } from '../../sandbox/host/worker-life.ts'
import { NO_STORAGE, startSandbox } from '../support/start-sandbox.ts'
import { call, type Answer } from './raw-http.ts'

const FIXTURE_APP = fileURLToPath(new URL('fixture-app', import.meta.url))
const TIMEOUT_APP = fileURLToPath(new URL('timeout-app', import.meta.url))

describe('a function that exceeds functionTimeout', () => {
  it('is answered with an empty 500, and the app starts anew on the same ports', async (t) => {
    const sandbox = await startSandbox(t, { appRoot: TIMEOUT_APP, storage: NO_STORAGE })
    const { proxy, proxyTls } = sandbox.info
    const { pid } = sandbox.app
    assert.equal((await call(proxy, '/count')).json().requests, 1)
    assert.equal((await call(proxy, '/count')).json().requests, 2)

    const answer = await call(proxy, '/never')
    assert.deepEqual([answer.status, answer.text], [500, ''])
    assert.equal((await eventually(proxy, '/count')).json().requests, 1, 'nothing that the worker remembered is left')
    assert.equal((await call(proxyTls, '/count', { ca: sandbox.azure.caCertificate })).json().requests, 2)
    assert.notEqual(sandbox.app.pid, pid)
    assert.ok(
      sandbox.logs.some(({ message }) =>
        /Timeout value of 00:00:01 exceeded by function 'Functions\.never'/.test(message),
      ),
    )
  })

  it('ends every other invocation of the worker', async (t) => {
    const sandbox = await startSandbox(t, { appRoot: TIMEOUT_APP, storage: NO_STORAGE })
    const answers = await Promise.all(['/never', '/brief?ms=60000'].map((path) => call(sandbox.info.proxy, path)))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [500, 500],
    )
    assert.equal(sandbox.logs.filter(({ message }) => message.startsWith('Timeout value')).length, 1)
  })

  it('stays stopped when the sandbox stops while it starts anew', async (t) => {
    const sandbox = await startSandbox(t, { appRoot: TIMEOUT_APP, storage: NO_STORAGE })
    await call(sandbox.info.proxy, '/never')
    await sandbox.app.stop()
    await assert.rejects(call(sandbox.info.proxy, '/count'), { code: 'ECONNREFUSED' })
  })
})

describe('the life of a worker', () => {
  it('leaves invocations alone that end in time, and those of an app without a limit', async () => {
    const limited = createWorkerLife(10_000)
    assert.equal(await limited.within('f', 'id', Promise.resolve(1)), 1)
    await assert.rejects(limited.within('f', 'id', Promise.reject(new Error('own'))), { message: 'own' })
    assert.equal(await createWorkerLife(undefined).within('f', 'id', delay(5, 2)), 2)
  })

  it('ends them all at once when one takes too long', async () => {
    const life = createWorkerLife(20)
    const outcomes = await Promise.allSettled([
      life.within('a', '1', new Promise(() => {})),
      life.within('b', '2', new Promise(() => {})),
    ])
    for (const outcome of outcomes) {
      assert.equal(outcome.status, 'rejected')
      assert.ok(outcome.status === 'rejected' && outcome.reason instanceof WorkerLost)
      assert.match(String(outcome.reason), /'Functions\.a' \(Id: '1'\)/)
    }
  })
})

describe('stopping the host', () => {
  it('lets a running request end, then runs the appTerminate hooks', async () => {
    const sandbox = await createSandbox({ appRoot: FIXTURE_APP, storage: NO_STORAGE })
    const answer = call(sandbox.info.proxy, '/slow?ms=300', { method: 'POST', body: 'x' })
    while (!sandbox.logs.some((record) => record.message === 'slow begins')) await delay(5)
    const stopped = sandbox.stop()
    assert.equal((await answer).text, 'late')
    await stopped
    assert.deepEqual(await sandbox.app.ended, { code: 0, signal: null })
    assert.match(sandbox.output(), /appTerminate hook/)
    await assert.rejects(call(sandbox.info.proxy, '/echo/x'), { code: 'ECONNREFUSED' })
  })
})

/** While the app starts anew nothing listens. */
async function eventually(origin: string, path: string): Promise<Answer> {
  for (let turn = 0; turn < 3_000; turn += 1) {
    const answer = await call(origin, path).catch(() => undefined)
    if (answer !== undefined) return answer
    await delay(20)
  }
  return assert.fail('the app did not start again')
}
