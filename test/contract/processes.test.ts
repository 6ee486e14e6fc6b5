/** Instances as they are: processes of their own on one storage account, that compete for a backend, are killed, frozen and cut off. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startStorage } from '../../sandbox/azure/storage.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import type { Go, Said } from '../support/coordinator-process.ts'
import { startCoordinatorProcess, startCountingArm, type CoordinatorProcess } from '../support/coordinator-processes.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'
import { claimStorage } from '../support/storage.ts'

const SHORT_LEASE_MS = 1_500
/** Longer than a request waits: who needs the end of such a lease is busy. */
const LONG_LEASE_MS = 300_000
const GO: Go = { backendId: 'orders', deadlineMs: 30_000 }

async function anAccount(t: TestContext): Promise<string> {
  const claimed = claimStorage()
  if (claimed !== undefined) return claimed
  const storage = await startStorage()
  t.after(storage.stop)
  return storage.connectionStrings[0] as string
}

async function startProcesses(
  t: TestContext,
  count: number,
  setup: Parameters<typeof startCoordinatorProcess>[1],
): Promise<readonly CoordinatorProcess[]> {
  return Promise.all(Array.from({ length: count }, () => startCoordinatorProcess(t, setup)))
}
const at = (processes: readonly CoordinatorProcess[], index: number): CoordinatorProcess =>
  processes[index] ?? assert.fail('there is no such process')
function sentOf(said: readonly Said[]): Extract<Said, { kind: 'sent' }> {
  const [sent, ...more] = said.filter((each) => each.kind === 'sent')
  assert.ok(sent !== undefined && more.length === 0, JSON.stringify(said))
  return sent
}
const recorded = (id: string): Said => ({ kind: 'sent', id, recorded: true })
const joining = (joined: string): Said => ({ kind: 'joined', joined, recorded: true })

describe('processes on one storage account', { concurrency: 3 }, () => {
  it('compete for a backend: ARM is asked once, and the others join that very operation', async (t) => {
    const [connectionString, arm] = [await anAccount(t), await startCountingArm(t)]
    const processes = await startProcesses(t, 4, { connectionString, arm: arm.origin, leaseMs: LONG_LEASE_MS })
    for (const backendId of ['orders', 'payments', 'stock']) {
      const said = await Promise.all(processes.map((each) => each.go({ ...GO, backendId })))
      const { id } = sentOf(said)
      assert.deepEqual(
        said.toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
        [joining(id), joining(id), joining(id), recorded(id)],
      )
      assert.equal(arm.asked(backendId), 1)
    }
  })

  for (const [stopAt, calls] of [
    ['leased', 1],
    ['answered', 2],
  ] as const) {
    const where = stopAt === 'leased' ? 'has the lease' : 'has ARM’s answer and has not recorded it'
    it(`take over, exactly one of them, when the lease of a holder ends that was killed when it ${where}`, async (t) => {
      const [connectionString, arm] = [await anAccount(t), await startCountingArm(t)]
      const setup = { connectionString, arm: arm.origin, leaseMs: SHORT_LEASE_MS }
      const processes = await startProcesses(t, 3, setup)
      assert.deepEqual(await at(processes, 0).go({ ...GO, stopAt }), { kind: 'stopped' })
      await at(processes, 0).kill()
      const said = await Promise.all([1, 2].map((index) => at(processes, index).go(GO)))
      const { id } = sentOf(said)
      assert.deepEqual(
        said.find(({ kind }) => kind !== 'sent'),
        joining(id),
      )
      assert.equal(arm.asked('orders'), calls)
    })
  }

  it('wait for a holder that was killed while its lease runs', async (t) => {
    const [connectionString, arm] = [await anAccount(t), await startCountingArm(t)]
    const processes = await startProcesses(t, 2, { connectionString, arm: arm.origin, leaseMs: LONG_LEASE_MS })
    assert.deepEqual(await at(processes, 0).go({ ...GO, stopAt: 'leased' }), { kind: 'stopped' })
    await at(processes, 0).kill()
    // Its first calls take longer than others, and each may take a quarter of the deadline: beyond that storage would count as away.
    await at(processes, 1).go({ ...GO, backendId: 'warm' })
    assert.deepEqual(await at(processes, 1).go({ ...GO, deadlineMs: 4_000 }), { kind: 'busy' })
    assert.equal(arm.asked('orders'), 0)
  })

  it('are not disturbed by a holder that was frozen past its lease and wakes up', async (t) => {
    const [connectionString, arm] = [await anAccount(t), await startCountingArm(t, 300)]
    const processes = await startProcesses(t, 3, { connectionString, arm: arm.origin, leaseMs: SHORT_LEASE_MS })
    const late = at(processes, 0).go(GO)
    while (arm.asked('orders') === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    at(processes, 0).signal('SIGSTOP')
    const { id } = sentOf([await at(processes, 1).go(GO)])
    at(processes, 0).signal('SIGCONT')
    assert.equal((await late).kind, 'sent', 'ARM accepted it: its own operation is recorded')
    assert.deepEqual(await at(processes, 2).go(GO), joining(id), 'the reconnect that counts is the later one')
    assert.equal(arm.asked('orders'), 2)
  })

  it('recognise a write that is applied while its answer is cut off: ARM is asked once, and no request waits', async (t) => {
    const arm = await startCountingArm(t)
    const proxy = await startCuttingProxy(t, await anAccount(t))
    const setup = { connectionString: proxy.connectionString, arm: arm.origin, leaseMs: LONG_LEASE_MS }
    const processes = await startProcesses(t, 2, setup)
    await at(processes, 0).go({ ...GO, backendId: 'warm' })
    for (const [backendId, text] of [
      ['taking', 'leaseOwner'],
      ['completing', '"scheduledDue"'],
    ] as const) {
      const before = proxy.cuts()
      proxy.cutAnswerTo(text)
      const said = await at(processes, 0).go({ ...GO, backendId })
      const { id } = sentOf([said])
      assert.deepEqual(said, recorded(id))
      assert.equal(proxy.cuts(), before + 1, 'an answer was cut off')
      assert.deepEqual(await at(processes, 1).go({ ...GO, backendId }), joining(id))
      assert.equal(arm.asked(backendId), 1)
    }
  })

  it('send without a record while storage is away, join within the process, and record again afterwards', async (t) => {
    const arm = await startCountingArm(t, 10)
    const storage = await startStorageProxy(await anAccount(t))
    t.after(storage.stop)
    const setup = { connectionString: storage.connectionString, arm: arm.origin, leaseMs: LONG_LEASE_MS }
    const processes = await startProcesses(t, 2, setup)
    const go = (index: number, backendId: string) => at(processes, index).go({ ...GO, backendId })
    assert.equal(sentOf([await go(0, 'a')]).recorded, true)
    await storage.become('refuse')
    const away = sentOf([await go(0, 'b')])
    assert.equal(away.recorded, false)
    assert.deepEqual(await go(0, 'b'), { kind: 'joined', joined: away.id, recorded: false })
    await storage.become('up')
    assert.equal(sentOf([await go(1, 'c')]).recorded, true)
    await new Promise((resolve) => setTimeout(resolve, 5_100))
    const back = sentOf([await go(0, 'e')])
    assert.equal(back.recorded, true)
    assert.deepEqual(await go(1, 'e'), joining(back.id))
  })
})
