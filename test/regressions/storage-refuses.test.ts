/** Contract, section 6: what storage refuses or loses concerns its own operation, and never the coordination of the others. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { AFTER, told } from '../conformance/places.ts'
import { isFinal, operationWhen, type ShownOperation } from '../conformance/senders.ts'
import {
  becomes,
  BACKENDS_TABLE,
  effectsReach,
  fire,
  HISTORY_TABLE,
  reconnectAt,
  listed,
  read,
  startScene,
  until,
} from '../support/scene.ts'

/** Text of ARM's that storage does not take in any row. */
const MARK = 'storage-refuses-this-text'
const REFUSED = {
  kind: 'refuse',
  refusal: { status: 400, code: 'PropertyValueTooLarge', message: 'The property value exceeds the maximum size.' },
} as const
/** Longer than a string property may be, shorter than what is read of an answer of ARM. */
const LONG_TEXT = `${'why '.repeat(30_000)}the end`

/** Who waits for a backend that is locked is told so before long. */
const env = { RECONNECT_DEADLINE_SECONDS: '8' }
const scenes = await Promise.all(Array.from({ length: 5 }, () => startScene({ after }, { env })))
const take = () => scenes.shift() ?? assert.fail('no scene is left')

async function operationOf(room: Parameters<typeof read>[0], id: unknown): Promise<ShownOperation> {
  const answer = await read(room, `/operations/${String(id)}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.json() as ShownOperation
}

describe('an error text that no row can hold', { concurrency: 4 }, () => {
  const { room, storage } = take()
  const { faults } = room.sandbox.azure
  /** It has no memory of its own of what went wrong. */
  const another = room.sandbox.startAnother()

  it('does not lock its backend: the next request is sent at once, and the failure is recorded with a short message', async () => {
    const backend = room.freshBackend()
    faults.add({ target: 'arm', kind: '409', code: 'Conflict', message: LONG_TEXT, scope: backend, times: 1 })
    const failed = await room.reconnect({ backend })
    const next = await reconnectAt(room, await another, backend)
    assert.deepEqual([failed.status, next.status, room.armReceived(backend).length], [409, 202, 2], next.text)
    assert.equal(failed.headers['x-reconnect-warning'], undefined)
    const { operationId } = await room.decision(failed)
    const { state, error } = await operationOf(room, operationId)
    const { code, message } = error as { code: string; message: string }
    assert.deepEqual(
      [state, code, message.length <= 1_024],
      ['failed', 'Conflict', true],
      `${message.length} characters`,
    )
  })

  it('is left out when storage refuses the row that has it: a minimal row is written, and the backend is free', async () => {
    const backend = room.freshBackend()
    storage.add({ service: 'table', contains: MARK }, REFUSED)
    faults.add({ target: 'arm', kind: '409', code: 'Conflict', message: MARK, scope: backend, times: 1 })
    const failed = await room.reconnect({ backend })
    const next = await reconnectAt(room, await another, backend)
    assert.deepEqual([failed.status, next.status, room.armReceived(backend).length], [409, 202, 2], next.text)
    const { operationId } = await room.decision(failed)
    assert.equal((await operationOf(room, operationId)).state, 'failed')
  })

  it('ends the operation of an alert, and later alerts do not join it', async () => {
    const backend = room.freshBackend()
    faults.add({ target: 'arm', kind: '409', code: 'Conflict', message: LONG_TEXT, scope: backend, times: 1 })
    const first = (await fire(room, backend)).alerts[0]?.operation
    const operation = await operationWhen(room, first, isFinal)
    assert.equal(operation.state, 'failed')
    const second = (await fire(room, backend)).alerts[0]?.operation
    assert.notEqual(second, first)
    await effectsReach(room, backend, 1)
  })
})

describe('a copy for the history that storage refuses', () => {
  const { room, storage } = take()

  it('takes no other copy with it: operations of the same moment are listed', async () => {
    const { faults } = room.sandbox.azure
    storage.add({ service: 'table', contains: MARK }, REFUSED)
    // Copies of one moment gather behind a write that is slow, and go out together.
    storage.add({ service: 'table', name: HISTORY_TABLE, write: true }, { kind: 'slow', delayMs: 300 })
    const [bad, ...good] = Array.from({ length: 8 }, () => room.freshBackend()) as [string, ...string[]]
    faults.add({ target: 'arm', kind: '409', code: 'Conflict', message: MARK, scope: bad, times: 1 })
    const answers = await Promise.all([bad, ...good].map((backend) => room.reconnect({ backend })))
    assert.deepEqual(
      answers.map(({ status }) => status),
      [409, ...good.map(() => 202)],
    )
    const service = bad.slice(0, bad.indexOf('/backends/'))
    let seen: readonly ShownOperation[] = []
    await becomes(async () => {
      seen = (await listed(room, `service=${service}`)) ?? []
      return seen.filter(({ state }) => state === 'forwarded').length === good.length && seen.length === 8
    })
    assert.deepEqual(
      seen.map(({ backend, state }) => `${String(backend).split('/').at(-1)} ${state}`).toSorted(),
      [
        `${bad.split('/').at(-1)} failed`,
        ...good.map((backend) => `${backend.split('/').at(-1)} forwarded`),
      ].toSorted(),
    )
  })
})

describe('trouble with the copies for the history', { concurrency: 4 }, () => {
  it('switches no coordination off while that table is away: two instances send one reconnect, and record it', async () => {
    const { room, storage } = take()
    const another = await room.sandbox.startAnother()
    storage.add({ service: 'table', name: HISTORY_TABLE }, { kind: 'busy' })
    // Both have seen that it is away.
    await Promise.all([
      room.reconnect({ backend: room.freshBackend() }),
      reconnectAt(room, another, room.freshBackend()),
    ])
    await until('both have met it', () => storage.calls({ name: HISTORY_TABLE }).length >= 2)
    const backend = room.freshBackend()
    const one = await room.reconnect({ backend })
    const other = await reconnectAt(room, another, backend)
    assert.deepEqual(
      [told(one).outcome, told(other).outcome, room.armReceived(backend).length],
      ['forwarded', 'joined', 1],
    )
    assert.deepEqual([one.headers['x-reconnect-warning'], other.headers['x-reconnect-warning']], [undefined, undefined])
    assert.ok(storage.calls({ name: BACKENDS_TABLE, write: true }).length > 0)
  })

  it('is over when that table is back: what was left out meanwhile is listed later', async () => {
    const { room, storage } = take()
    const { lift, met } = storage.add({ service: 'table', name: HISTORY_TABLE }, { kind: 'busy' })
    const backends = Array.from({ length: 5 }, () => room.freshBackend())
    for (const backend of backends) told(await room.reconnect({ backend, ...AFTER('PT10M') }))
    await until('a copy could not be written', () => met() > 0)
    lift()
    const service = (backends[0] as string).split('/backends/')[0]
    let seen: readonly ShownOperation[] = []
    await becomes(async () => {
      seen = (await listed(room, `service=${service}&state=forwarded`)) ?? []
      return seen.length === backends.length
    })
    assert.deepEqual(seen.map(({ backend }) => String(backend)).toSorted(), backends.toSorted())
  })
})

describe('one answer that is lost on a copy for the history', () => {
  const { room, storage } = take()

  it('does not make the instance forget to ask storage: what another instance has sent meanwhile is joined', async () => {
    const another = await room.sandbox.startAnother()
    const lost = storage.add(
      { service: 'table', name: HISTORY_TABLE, write: true },
      { kind: 'lose-answer' },
      { times: 1 },
    )
    await room.reconnect({ backend: room.freshBackend() })
    await until('the answer was lost', () => lost.met() === 1)
    const backend = room.freshBackend()
    const first = told(await reconnectAt(room, another, backend))
    const second = await room.reconnect({ backend })
    assert.deepEqual(
      [told(second).outcome, told(second).due, second.headers['x-reconnect-warning'], room.armReceived(backend).length],
      ['joined', first.due, undefined, 1],
    )
  })
})
