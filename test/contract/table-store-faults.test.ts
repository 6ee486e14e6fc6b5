/** The table store against a storage service that misbehaves, on a loopback server: every call ends within its time, once, as a StorageFault. */
import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { consoleLog } from '../../src/shared/log.ts'
import { operationKeysOf } from '../../src/storage/keys.ts'
import { createOperatorTableStore } from '../../src/storage/operator-table-store.ts'
import { StorageFault, type Store } from '../../src/storage/store.ts'
import { createTableStore } from '../../src/storage/table-store.ts'
import { openTables } from '../../src/storage/tables.ts'
import { anOperation } from '../support/an-operation.ts'
import { createFakeClock, START_EPOCH_MS } from '../support/fake-clock.ts'
import { hang, reset, respond, respondJson, startScriptedServer, type Step } from '../support/scripted-server.ts'
import { tableRefusal, type StorageCall } from '../support/storage-calls.ts'

const OPERATION = anOperation()
const { partitionKey } = operationKeysOf(OPERATION.id)
const RANGE = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS, top: 3 }
const NEW = { value: undefined }
const SLOT = { from: { value: {} }, to: { alertSends: [START_EPOCH_MS] } }
const oDataError = (status: number, code: string): Step =>
  respondJson(status, { 'odata.error': { code, message: { lang: 'en-US', value: code } } })
const NO_TABLE = oDataError(404, 'TableNotFound')
const NO_ROW = oDataError(404, 'ResourceNotFound')

/** A store of which time is simulated, and the server real. */
async function room(t: TestContext, script: readonly Step[]) {
  const server = await startScriptedServer(script)
  t.after(server.close)
  const key = Buffer.alloc(32, 7).toString('base64')
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${key};TableEndpoint=${server.origin}/account`
  const clock = createFakeClock()
  const open = async () =>
    openTables({ kind: 'connection-string', connectionString, allowHttp: true }, '', () =>
      assert.fail('no identity is asked for'),
    )
  const store = createTableStore({ open, clock, log: consoleLog })
  const lists = createOperatorTableStore({ open, clock, log: consoleLog })
  async function received(count: number): Promise<void> {
    while (server.received.length < count) await delay(5)
  }
  const urls = (): string[] => server.received.map(({ method, url }) => `${method} ${url.split('?')[0]}`)
  return { server, store, lists, clock, received, urls }
}

const CALLS: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  readSlot: (store) => store.readSlot(partitionKey),
  readOperation: (store) => store.readOperation(OPERATION.id),
  'commit of a slot': (store) => store.commit(partitionKey, { slot: SLOT }),
  'commit of an operation': (store) => store.commit(partitionKey, { operation: { from: NEW, to: OPERATION } }),
  'commit of both': (store) => store.commit(partitionKey, { slot: SLOT, operation: { from: NEW, to: OPERATION } }),
  writeOperations: (store) => store.writeOperations(partitionKey, [OPERATION]),
  countJoined: (store) => store.countJoined(OPERATION.id, 'i1', 1),
  writeCopies: (store) => store.writeCopies('2026-11', [OPERATION]),
  listBackend: (store) => store.listBackend(partitionKey, RANGE),
  listMonth: (store) => store.listMonth('2026-11', RANGE),
  listExpired: (store) => store.listExpired(START_EPOCH_MS, 3),
  removeOperations: (store) => store.removeOperations([OPERATION.id]),
  probe: (store) => store.probe(),
  sharedSecret: (store) => store.sharedSecret('s', Buffer.alloc(32)),
}
/** No caller waits for these while a reconnect is due. */
const PATIENT = new Set(['listBackend', 'listMonth', 'listExpired', 'probe'])

describe('a service that hangs', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    const limitMs = PATIENT.has(name) ? 5_000 : 1_000
    test(`${name} is given up after ${limitMs} ms, and no timer is left`, async (t) => {
      const { store, clock, received } = await room(t, [hang])
      const faults: unknown[] = []
      void call(store).catch((thrown: unknown) => faults.push(thrown))
      await received(1)
      await clock.advance(limitMs - 50)
      assert.equal(faults.length, 0)
      await clock.advance(100)
      await delay(1)
      const fault: unknown = faults[0]
      assert.ok(fault instanceof StorageFault && !fault.isRefusal, String(fault))
      assert.equal(clock.sleeping(), 0)
    })
  }

  test('while a table is created is given up too', async (t) => {
    const { store, clock, received, urls } = await room(t, [NO_TABLE, hang])
    const end = assert.rejects(store.writeOperations(partitionKey, [OPERATION]), StorageFault)
    await received(2)
    await clock.advance(5_100)
    await end
    assert.deepEqual(urls(), ['POST /account/$batch', 'POST /account/Tables'])
  })

  test('in the middle of an answer is given up too', async (t) => {
    const halfAnAnswer: Step = (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
      response.write('{')
    }
    const { store, clock, received } = await room(t, [halfAnAnswer])
    const end = assert.rejects(store.readSlot(partitionKey), StorageFault)
    await received(1)
    await clock.advance(1_100)
    await end
  })
})

describe('a missing table', () => {
  test('is created, and the call is repeated once', async (t) => {
    const { store, urls } = await room(t, [NO_TABLE, respond(204), NO_ROW])
    assert.deepEqual(await store.readSlot(partitionKey), { value: {} })
    assert.deepEqual(urls().slice(1, 2), ['POST /account/Tables'])
    assert.equal(urls().length, 3)
  })

  test('that another instance has created meanwhile is used', async (t) => {
    const { store } = await room(t, [NO_TABLE, oDataError(409, 'TableAlreadyExists'), NO_ROW])
    assert.deepEqual(await store.readSlot(partitionKey), { value: {} })
  })

  test('that may not be created is a fault, with its status', async (t) => {
    const { store } = await room(t, [NO_TABLE, oDataError(403, 'AuthorizationPermissionMismatch')])
    await assert.rejects(
      store.readSlot(partitionKey),
      (fault: unknown) =>
        fault instanceof StorageFault && fault.status === 403 && fault.code === 'AuthorizationPermissionMismatch',
    )
  })

  test('that stays missing is looked for twice, and no more', async (t) => {
    const { store, urls } = await room(t, [NO_TABLE, oDataError(409, 'TableAlreadyExists'), NO_TABLE])
    await assert.rejects(store.writeCopies('2026-11', [OPERATION]), StorageFault)
    assert.equal(urls().length, 3)
  })
})

describe('a fault', () => {
  for (const [name, call] of Object.entries(CALLS)) {
    test(`of the service (${name}) has its status and code, and is not repeated: the protocol reads back first`, async (t) => {
      const { store, clock, urls } = await room(t, [oDataError(503, 'ServerBusy')])
      await assert.rejects(
        call(store),
        (fault: unknown) =>
          fault instanceof StorageFault && fault.status === 503 && fault.code === 'ServerBusy' && !fault.isRefusal,
      )
      assert.deepEqual([urls().length, clock.sleeping()], [1, 0])
    })
  }

  for (const [name, step] of [
    ['a connection that breaks', reset],
    ['an answer that is none', respond(500, { body: '<html>' })],
    ['a status without a word', respond(403)],
    ['an answer of another kind', respond(202, { body: 'nonsense' })],
    ['a redirect', respond(302, { headers: { location: '/elsewhere' } })],
  ] as const) {
    test(`is also ${name}`, async (t) => {
      const { store, urls } = await room(t, [step])
      const commit = { slot: SLOT, operation: { from: NEW, to: OPERATION } }
      await assert.rejects(store.commit(partitionKey, commit), StorageFault)
      assert.equal(urls().length, 1)
    })
  }

  test('is also that no service listens', async (t) => {
    const { store, server } = await room(t, [])
    await server.close()
    for (const call of Object.values(CALLS)) await assert.rejects(call(store), StorageFault)
  })

  test('is also that the tables cannot be opened, and the next call opens them again', async () => {
    let opened = 0
    const store = createTableStore({
      log: consoleLog,
      open: () => {
        opened += 1
        return Promise.reject(new Error('no token'))
      },
      clock: createFakeClock(),
    })
    for (const call of [store.readSlot(partitionKey), store.readSlot(partitionKey)])
      await assert.rejects(call, (fault: unknown) => fault instanceof StorageFault && /no token/.test(fault.message))
    assert.equal(opened, 2)
  })
})

describe('a row that the service refuses', () => {
  /** The emulator takes longer properties than the service: the answer is the service's own. */
  const refusing =
    (status: 400 | 413, code: string): Step =>
    (response, request) => {
      const refusal = { status, code, message: code }
      const { headers, body, ...answer } = tableRefusal({ url: request.url ?? '' } as StorageCall, refusal)
      response.writeHead(answer.status, headers).end(body)
    }
  for (const [status, code] of [
    [400, 'PropertyValueTooLarge'],
    [400, 'EntityTooLarge'],
    [413, 'RequestBodyTooLarge'],
  ] as const) {
    for (const name of ['commit of an operation', 'commit of both', 'writeOperations', 'writeCopies']) {
      test(`(${name}) is a refusal, and no conflict: ${status} ${code}`, async (t) => {
        const { store, urls } = await room(t, [refusing(status, code)])
        await assert.rejects(
          CALLS[name]?.(store) as Promise<unknown>,
          (fault: unknown) =>
            fault instanceof StorageFault && fault.isRefusal && fault.status === status && fault.code === code,
        )
        assert.equal(urls().length, 1)
      })
    }
  }
})

test('a service that is slow, and answers within the limit, is waited for', async (t) => {
  const slowly: Step = (response, request) => void setTimeout(() => NO_ROW(response, request), 300)
  const { store, clock, received } = await room(t, [slowly])
  const slot = store.readSlot(partitionKey)
  await received(1)
  await clock.advance(900)
  assert.deepEqual(await slot, { value: {} })
})

test('storage’s own time comes from the Date header, and is unknown without one', async (t) => {
  const empty = { value: [] }
  const dated = respondJson(200, empty, { date: 'Mon, 23 Nov 2026 00:00:00 GMT' })
  const undated: Step = (response, request) => {
    response.sendDate = false
    respondJson(200, empty)(response, request)
  }
  const { store } = await room(t, [dated, dated, undated, undated])
  assert.deepEqual(await store.listExpired(START_EPOCH_MS, 3), { ids: [], storageEpochMs: START_EPOCH_MS })
  assert.deepEqual(await store.listExpired(START_EPOCH_MS, 3), { ids: [] })
})

test('a page that is short, or empty, is not the last one while storage says that there is more', async (t) => {
  const next = { 'x-ms-continuation-NextPartitionKey': 'p', 'x-ms-continuation-NextRowKey': 'r' }
  const row = { RowKey: operationKeysOf(OPERATION.id).rowKey, operation: JSON.stringify(OPERATION) }
  const { store, server } = await room(t, [
    respondJson(200, { value: [] }, next),
    respondJson(200, { value: [row] }, next),
    respondJson(200, { value: [] }, next),
    respondJson(200, { value: [] }),
  ])
  const page = { rows: [{ rowKey: row.RowKey, operation: OPERATION }], more: true }
  assert.deepEqual(await store.listBackend(partitionKey, RANGE), page)
  assert.deepEqual(await store.listBackend(partitionKey, RANGE), { rows: [], more: false })
  assert.match(server.received[1]?.url ?? '', /NextPartitionKey=p/)
})

test('the row of an empty slot that cannot be deleted is only left over: the change is written', async (t) => {
  const updated = respond(204, { headers: { etag: 'W/"2"' } })
  const { store, urls } = await room(t, [updated, oDataError(503, 'ServerBusy')])
  const commit = { slot: { from: { value: SLOT.to, etag: 'W/"1"' }, to: {} } }
  assert.deepEqual(await store.commit(partitionKey, commit), { kind: 'written' })
  assert.deepEqual(
    urls().map((url) => url.split(' ')[0]),
    ['PUT', 'DELETE'],
  )
})

test('an answer to a transaction without ETags gives none: the next change is a conflict, and not a blind one', async (t) => {
  const body = [
    '--batchresponse_1',
    'Content-Type: multipart/mixed; boundary=changesetresponse_1',
    '',
    '--changesetresponse_1',
    'Content-Type: application/http',
    '',
    'HTTP/1.1 204 No Content',
    '',
    '--changesetresponse_1--',
    '--batchresponse_1--',
    '',
  ].join('\r\n')
  const headers = { 'content-type': 'multipart/mixed; boundary=batchresponse_1' }
  const { store } = await room(t, [respond(202, { headers, body })])
  const commit = { slot: SLOT, operation: { from: NEW, to: OPERATION } }
  assert.deepEqual(await store.commit(partitionKey, commit), { kind: 'written' })
})

/** An answer to a transaction: 202, with these answers to its changes. */
function batchOf(...answers: readonly string[]): Step {
  const parts = answers.flatMap((answer) => ['--changesetresponse_1', 'Content-Type: application/http', '', answer, ''])
  const body = ['--batchresponse_1', '', ...parts, '--changesetresponse_1--', '--batchresponse_1--', ''].join('\r\n')
  return respond(202, { headers: { 'content-type': 'multipart/mixed; boundary=batchresponse_1' }, body })
}

describe('an answer to a transaction', () => {
  const commit = { slot: SLOT, operation: { from: NEW, to: OPERATION } }

  for (const [what, answer] of [
    ['without a body', 'HTTP/1.1 412 Precondition Failed\r\n'],
    ['with JSON in several lines', 'HTTP/1.1 412 Precondition Failed\r\n\r\n{\r\n"odata.error":\r\n{}}\r\n'],
  ] as const)
    test(`that refuses a change ${what} is a conflict`, async (t) => {
      const { store } = await room(t, [batchOf(answer)])
      assert.deepEqual(await store.commit(partitionKey, commit), { kind: 'conflict' })
    })

  for (const [what, step] of [
    ['says 503 of a change', batchOf('HTTP/1.1 503 Service Unavailable\r\n\r\n<Error/>\r\n')],
    ['has no body', respond(202)],
    ['is a page', respond(200, { headers: { 'content-type': 'text/html' }, body: '<html>' })],
  ] as const)
    test(`that ${what} proves no write`, async (t) => {
      const { store } = await room(t, [step, step])
      await assert.rejects(store.commit(partitionKey, commit), StorageFault)
      await assert.rejects(store.writeOperations(partitionKey, [OPERATION]), StorageFault)
    })
})

test('404 for rows that are to be created is a fault of storage, and no conflict with another instance', async (t) => {
  const page = respond(404, { headers: { 'content-type': 'text/html' }, body: '<html>' })
  const { store } = await room(t, [page, page])
  await assert.rejects(store.commit(partitionKey, { operation: { from: NEW, to: OPERATION } }), StorageFault)
  await assert.rejects(
    store.commit(partitionKey, { slot: SLOT, operation: { from: NEW, to: OPERATION } }),
    StorageFault,
  )
})

for (const [what, step] of [
  ['a page', respond(200, { headers: { 'content-type': 'text/html' }, body: '<html>' })],
  ['another object', respondJson(200, {})],
] as const)
  test(`${what} in place of a list is a fault of storage, and no empty list`, async (t) => {
    const { store, lists } = await room(t, [step, step, step])
    await assert.rejects(store.listBackend(partitionKey, RANGE), StorageFault)
    await assert.rejects(lists.listPauses(START_EPOCH_MS, 3), StorageFault, 'or nothing would be paused')
    await assert.rejects(lists.listDeliveries('grafana', START_EPOCH_MS, 3), StorageFault)
  })
