/** The table store against storage that misbehaves, on a loopback server: every call ends within its time, once, as a StorageFault. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { createStorageClock } from '../../src/ledger/storage-clock.ts'
import { StorageFault } from '../../src/ledger/store.ts'
import { createTableStore } from '../../src/ledger/table-store.ts'
import { openTables } from '../../src/ledger/tables.ts'
import { systemClock, type Clock } from '../../src/shared/clock.ts'
import { START_EPOCH_MS } from '../support/fake-clock.ts'
import { hang, reset, respond, respondJson, startScriptedServer, type Step } from '../support/scripted-server.ts'
import { anOperation } from '../unit/ledger/an-operation.ts'
import { operationKeysOf } from '../../src/ledger/keys.ts'

const OPERATION = anOperation()
const { partitionKey } = operationKeysOf(OPERATION.id)
const RANGE = { fromEpochMs: 0, toEpochMs: START_EPOCH_MS, top: 3 }
const MISSING = respondJson(404, {
  'odata.error': { code: 'TableNotFound', message: { lang: 'en-US', value: 'The table specified does not exist.' } },
})
const oDataError = (status: number, code: string): Step =>
  respondJson(status, { 'odata.error': { code, message: { lang: 'en-US', value: code } } })

async function room(t: TestContext, script: readonly Step[]) {
  const server = await startScriptedServer(script)
  t.after(server.close)
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=${Buffer.alloc(32, 7).toString('base64')};TableEndpoint=${server.origin}/account`
  let sleeping = 0
  const clock: Clock = {
    now: systemClock.now,
    async sleep(ms, signal) {
      sleeping += 1
      await systemClock.sleep(ms, signal)
      sleeping -= 1
    },
  }
  const storageClock = createStorageClock(clock)
  const store = createTableStore({
    open: async () =>
      openTables({ kind: 'connection-string', connectionString, allowHttp: true }, () =>
        assert.fail('no identity is asked for'),
      ),
    clock,
    storageClock,
  })
  return { server, store, storageClock, sleeping: () => sleeping }
}

const calls = ({ store }: Awaited<ReturnType<typeof room>>): (() => Promise<unknown>)[] => [
  () => store.readSlot(partitionKey),
  () => store.changeSlot(partitionKey, { from: { slot: {} }, to: {} }, [OPERATION]),
  () => store.writeOperations(partitionKey, [OPERATION]),
  () => store.writeCopies('2026-11', [OPERATION]),
  () => store.readOperation(OPERATION.id),
  () => store.listBackend(partitionKey, RANGE),
  () => store.listMonth('2026-11', RANGE),
  () => store.listExpired(START_EPOCH_MS, 3),
  () => store.removeOperations([OPERATION.id]),
]

test('storage that hangs is given up after two seconds, whatever was asked, and no timer is left', async (t) => {
  const there = await room(
    t,
    Array.from({ length: 9 }, () => hang),
  )
  const startedMs = performance.now()
  await Promise.all(calls(there).map((call) => assert.rejects(call, StorageFault)))
  const tookMs = performance.now() - startedMs
  assert.ok(tookMs > 1_900 && tookMs < 3_000, `${tookMs} ms`)
  assert.equal(there.sleeping(), 0)
})

test('so is a table that is being created', async (t) => {
  const there = await room(t, [MISSING, hang])
  const startedMs = performance.now()
  await assert.rejects(there.store.writeOperations(partitionKey, [OPERATION]), StorageFault)
  assert.ok(performance.now() - startedMs < 3_000)
  assert.deepEqual(
    there.server.received.map(({ url }) => url.split('?')[0]),
    ['/account/$batch', '/account/Tables'],
  )
})

test('a table that may not be created is a fault of storage, with its status', async (t) => {
  const there = await room(t, [MISSING, oDataError(403, 'AuthorizationPermissionMismatch')])
  await assert.rejects(
    there.store.readSlot(partitionKey),
    (fault: unknown) =>
      fault instanceof StorageFault && fault.status === 403 && fault.code === 'AuthorizationPermissionMismatch',
  )
})

test('a table that stays missing is looked for twice and no more', async (t) => {
  const there = await room(t, [MISSING, oDataError(409, 'TableAlreadyExists'), MISSING])
  await assert.rejects(there.store.writeCopies('2026-11', [OPERATION]), StorageFault)
  assert.equal(there.server.received.length, 3)
})

test('503 is a fault with its status, asked once: the SDK repeats nothing', async (t) => {
  const there = await room(
    t,
    Array.from({ length: 9 }, () => oDataError(503, 'ServerBusy')),
  )
  for (const call of calls(there))
    await assert.rejects(
      call,
      (fault: unknown) => fault instanceof StorageFault && fault.status === 503 && fault.code === 'ServerBusy',
    )
  assert.equal(there.server.received.length, 9)
  assert.equal(there.sleeping(), 0)
})

test('a connection that breaks, an answer that is none, and a refusal without a word are faults, asked once', async (t) => {
  for (const step of [
    reset,
    respond(500, { body: '<html>' }),
    respond(403),
    respond(202, { body: 'nonsense' }),
    respond(302, { headers: { location: '/elsewhere' } }),
  ]) {
    const there = await room(t, [step])
    await assert.rejects(
      there.store.changeSlot(partitionKey, { from: { slot: {} }, to: {} }, [OPERATION]),
      StorageFault,
    )
    assert.equal(there.server.received.length, 1)
  }
})

test('nobody listens: a fault at once', async (t) => {
  const there = await room(t, [])
  await there.server.close()
  const startedMs = performance.now()
  for (const call of calls(there)) await assert.rejects(call, StorageFault)
  assert.ok(performance.now() - startedMs < 1_000)
})

test('storage that is slow is waited for', async (t) => {
  const there = await room(t, [(response) => void setTimeout(() => MISSING_ROW(response, undefined as never), 1_200)])
  assert.deepEqual(await there.store.readSlot(partitionKey), { slot: {} })
})

const MISSING_ROW = oDataError(404, 'ResourceNotFound')

test('the Date of an answer is learned from, also of one that says no', async (t) => {
  const dated =
    (aheadMs: number): Step =>
    (response, request) => {
      response.setHeader('date', new Date(systemClock.now() + aheadMs).toUTCString())
      MISSING_ROW(response, request)
    }
  const there = await room(t, [dated(600_000)])
  await there.store.readSlot(partitionKey)
  const aheadMs = there.storageClock.now() - systemClock.now()
  assert.ok(Math.abs(aheadMs - 600_000) <= 1_000, `${aheadMs} ms ahead`)
})

test('a page that is short, or empty, is not the last while storage says that there is more', async (t) => {
  const next = { 'x-ms-continuation-NextPartitionKey': 'p', 'x-ms-continuation-NextRowKey': 'r' }
  const row = { RowKey: operationKeysOf(OPERATION.id).rowKey, operation: JSON.stringify(OPERATION) }
  const there = await room(t, [
    respondJson(200, { value: [] }, next),
    respondJson(200, { value: [row] }, next),
    respondJson(200, { value: [] }, next),
    respondJson(200, { value: [] }),
  ])
  assert.deepEqual(await there.store.listBackend(partitionKey, RANGE), {
    rows: [{ rowKey: row.RowKey, operation: OPERATION }],
    more: true,
  })
  assert.deepEqual(await there.store.listBackend(partitionKey, RANGE), { rows: [], more: false })
  assert.match(there.server.received[1]?.url ?? '', /NextPartitionKey=p/)
})

test('the answer to a transaction without an ETag is a fault, not a slot that can be changed blindly', async (t) => {
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
  const there = await room(t, [
    respond(202, { headers: { 'content-type': 'multipart/mixed; boundary=batchresponse_1' }, body }),
  ])
  await assert.rejects(there.store.changeSlot(partitionKey, { from: { slot: {} }, to: {} }, []), /no ETag/)
})
