import assert from 'node:assert/strict'
import { getEventListeners, once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { boundedCall, TimedOut } from '../../../src/shared/bounded-call.ts'
import { systemClock, type Clock } from '../../../src/shared/clock.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const silence = (): Promise<never> => new Promise(() => undefined)

test('boundedCall resolves as the call resolves, and leaves no timer behind', async () => {
  const clock = createFakeClock()
  assert.equal(await boundedCall({ clock, limitMs: 1_000 }, () => Promise.resolve('answer')), 'answer')
  assert.equal(clock.sleeping(), 0)
})

test('boundedCall rejects as the call rejects, and leaves no timer behind', async () => {
  const clock = createFakeClock()
  await assert.rejects(
    boundedCall({ clock, limitMs: 1_000 }, () => Promise.reject(new Error('refused'))),
    /^Error: refused$/,
  )
  await assert.rejects(
    boundedCall({ clock, limitMs: 1_000 }, () => {
      throw new Error('thrown before the first await')
    }),
    /thrown before/,
  )
  assert.equal(clock.sleeping(), 0)
})

test('boundedCall aborts at the limit and not before', async () => {
  const clock = createFakeClock()
  let given: AbortSignal | undefined
  const call = boundedCall({ clock, limitMs: 1_500 }, (signal) => {
    given = signal
    return silence()
  })
  const rejected = assert.rejects(call, TimedOut)
  await clock.advance(1_499)
  assert.equal(given?.aborted, false)
  await clock.advance(1)
  assert.equal(given?.aborted, true)
  await rejected
  assert.equal(clock.sleeping(), 0)
})

test('boundedCall rejects with TimedOut for a part that ignores the signal', async () => {
  const clock = createFakeClock()
  const rejected = assert.rejects(boundedCall({ clock, limitMs: 1_000 }, silence), {
    name: 'TimedOut',
    message: 'no answer within 1000 ms',
    limitMs: 1_000,
  })
  await clock.advance(1_000)
  await rejected
})

test('boundedCall rejects with TimedOut for a part that obeys the signal, with the part’s own error as the cause', async () => {
  const clock = createFakeClock()
  const call = boundedCall(
    { clock, limitMs: 1_000 },
    (signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('The operation was aborted.'))),
      ),
  )
  const rejected = assert.rejects(
    call,
    (fault) => fault instanceof TimedOut && /operation was aborted/.test(String(fault.cause)),
  )
  await clock.advance(1_000)
  await rejected
})

test('a call that rejects after the limit is no unhandled rejection', async () => {
  const clock = createFakeClock()
  let fail: (error: Error) => void = () => undefined
  const rejected = assert.rejects(
    boundedCall({ clock, limitMs: 1_000 }, () => new Promise((_, reject) => (fail = reject))),
    TimedOut,
  )
  await clock.advance(1_000)
  await rejected
  fail(new Error('late'))
  await clock.advance(0)
})

test('boundedCall does not make the call when no time is left', async () => {
  let calls = 0
  const call = async (): Promise<void> => void (calls += 1)
  await assert.rejects(boundedCall({ clock: createFakeClock(), limitMs: 0 }, call), TimedOut)
  assert.equal(calls, 0)
})

test('boundedCall leaves no listener on the signal of a call that was answered', async () => {
  let given: AbortSignal | undefined
  await boundedCall({ clock: systemClock, limitMs: 60_000 }, async (signal) => void (given = signal))
  assert.equal(given && getEventListeners(given, 'abort').length, 0)
  assert.equal(given?.aborted, false)
})

test('sleeps that end late count by the time that was asked for: a busy process waits for as many of them', async () => {
  const asked: number[] = []
  let nowEpochMs = 0
  const busyClock: Clock = {
    ...systemClock,
    now: () => nowEpochMs,
    async sleep(ms) {
      asked.push(ms)
      nowEpochMs += ms + 10_000
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
  await assert.rejects(boundedCall({ clock: busyClock, limitMs: 1_000 }, silence), TimedOut)
  assert.equal(asked.length, 16)
  assert.equal(
    asked.reduce((sum, ms) => sum + ms, 0),
    1_000,
  )
})

test('an answer that lies in the socket while the process is blocked for longer than the limit is read', async (t) => {
  const answered = new Int32Array(new SharedArrayBuffer(4))
  // In a thread of its own: the blocked thread could not answer itself.
  const server = new Worker(
    `const { createServer } = require('node:net')
     const { parentPort, workerData: answered } = require('node:worker_threads')
     const answer = (socket) => socket.end('answer', () => {
       Atomics.store(answered, 0, 1)
       Atomics.notify(answered, 0)
     })
     const server = createServer((socket) => socket.once('data', () => answer(socket)).on('error', () => {}))
     server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`,
    { eval: true, workerData: answered },
  )
  t.after(() => server.terminate())
  const [port] = (await once(server, 'message')) as [number]
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')

  const limitMs = 160
  const answer = boundedCall({ clock: systemClock, limitMs }, async (signal) => {
    const [data] = (await once(socket, 'data', { signal })) as [Buffer]
    return data.toString()
  })
  socket.write('question')
  await new Promise((resolve) => setImmediate(resolve))
  // Blocks this thread until the answer has been sent, and then for longer than the limit.
  Atomics.wait(answered, 0, 0)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * limitMs)
  assert.equal(await answer, 'answer')
})
