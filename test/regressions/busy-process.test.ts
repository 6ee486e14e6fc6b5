/** Contract, section 6: slowness of the process itself is not silence of storage, and a wrong clock of storage is not ours. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { AFTER, DRY_RUN, told } from '../conformance/places.ts'
import { eventsOf } from '../conformance/senders.ts'
import { fire, startScene } from '../support/scene.ts'

/** Longer than a single call to the tables may take. */
const STOPPED_MS = 2_300
/** Enough to send the next call, and too little to wait for its answer. */
const RUNNING_MS = 100
const ANSWER_MS = 150

describe('a process that gets little time to run, with storage well', { concurrency: true }, async () => {
  const scenes = await Promise.all([startScene({ after }), startScene({ after })])

  it('does not take the tables for away: the answers that came meanwhile count, and a reconnect is recorded', async () => {
    const { room, storage } = scenes[0]
    assert.equal((await room.reconnect({ backend: room.freshBackend() })).status, 202)
    storage.add({ service: 'table' }, { kind: 'slow', delayMs: ANSWER_MS })
    const answer = await whileStarved(room.sandbox.app.pid, room.reconnect({ backend: room.freshBackend() }))
    assert.deepEqual(
      [told(answer).outcome, answer.headers['x-reconnect-warning'], (await room.decision(answer))['notRecorded']],
      ['forwarded', undefined, undefined],
    )
  })

  it('records the alerts that it accepts', async () => {
    const { room, storage } = scenes[1]
    assert.equal((await fire(room, room.freshBackend())).status, 202)
    storage.add({ service: 'table' }, { kind: 'slow', delayMs: ANSWER_MS })
    const posted = await whileStarved(room.sandbox.app.pid, fire(room, room.freshBackend()))
    const [event] = await eventsOf(room, posted)
    assert.deepEqual(
      [posted.status, event?.['outcome'], event?.['notRecorded']],
      [202, 'accepted', undefined],
      posted.text,
    )
  })
})

/** Until `work` has ended, a process of this test is stopped and goes on by turns, as on a machine that is busy with others. */
async function whileStarved<T>(pid: number, work: Promise<T>): Promise<T> {
  const ended = new AbortController()
  const starved = (async () => {
    while (!ended.signal.aborted) {
      process.kill(pid, 'SIGSTOP')
      await delay(STOPPED_MS)
      process.kill(pid, 'SIGCONT')
      await delay(RUNNING_MS)
    }
  })()
  try {
    return await work
  } finally {
    ended.abort()
    await starved
  }
}

describe('a Date of storage that is stale', () => {
  it('changes no due time: what callers are told is counted from when ARM was asked', async (t) => {
    const { room, storage } = await startScene(t)
    storage.shiftDate(-5_000)
    // Two answers, so that an app that learns from them has learned.
    for (let index = 0; index < 2; index += 1) await room.reconnect({ backend: room.freshBackend() })
    for (const [kind, request] of [
      ['reconnect', {}],
      ['dry run', DRY_RUN],
    ] as const) {
      const from = Date.now()
      const answer = await room.reconnect({ backend: room.freshBackend(), ...AFTER('PT5M'), ...request })
      const to = Date.now()
      const accepted = Date.parse(told(answer).due) - 300_000
      assert.ok(accepted >= from - 1 && accepted <= to + 1, `${kind}: ${accepted - from} ms after it was asked for`)
    }
  })
})
