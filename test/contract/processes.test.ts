/** Instances as they are: processes of their own on one storage account, racing for a backend, killed, frozen, cut off. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startStorage } from '../../sandbox/azure/storage.ts'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import type { Go, Said } from '../support/ledger-process.ts'
import { startCountingArm, startLedgerProcess } from '../support/ledger-processes.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'
import { claimStorage } from '../support/storage.ts'

const LEASE_MS = 1_500
const GO: Go = { backendId: 'orders', deadlineMs: 4_000 }

async function anAccount(t: TestContext): Promise<string> {
  const claimed = claimStorage()
  if (claimed !== undefined) return claimed
  const storage = await startStorage()
  t.after(storage.stop)
  return storage.connectionStrings[0] as string
}

const kinds = (said: readonly Said[]): string[] => said.map(({ kind }) => kind).toSorted()

// Most of it is waiting, for leases and for a rest: side by side.
describe('processes on one storage account', { concurrency: 3 }, () => {
  it('four processes race for one backend: ARM is asked once, the others join that very operation; another backend is asked beside it', async (t) => {
    const [connectionString, arm] = [await anAccount(t), await startCountingArm(t)]
    const processes = await Promise.all(
      Array.from({ length: 4 }, () => startLedgerProcess(t, { connectionString, arm: arm.origin })),
    )
    for (const backendId of ['orders', 'payments', 'stock']) {
      const said = await Promise.all(processes.map((each) => each.go({ ...GO, backendId })))
      assert.deepEqual(kinds(said), ['joined', 'joined', 'joined', 'sent'])
      const sent = said.find(({ kind }) => kind === 'sent')
      assert.ok(
        said.every(({ kind, joined, recorded }) => recorded === true && (kind === 'sent' || joined === sent?.id)),
      )
      assert.equal(arm.asked(backendId), 1)
    }
  })

  for (const [stopAt, calls] of [
    ['reserved', 1],
    ['answered', 2],
  ] as const) {
    it(`a holder that is killed when it has ${stopAt === 'reserved' ? 'reserved' : 'ARM’s answer and has not recorded it'} is taken over when its lease ends, by exactly one`, async (t) => {
      const [connectionString, arm] = [await anAccount(t), await startCountingArm(t)]
      const [first, second, third] = await Promise.all(
        [0, 1, 2].map(() => startLedgerProcess(t, { connectionString, arm: arm.origin, leaseMs: LEASE_MS })),
      )
      assert.deepEqual(await first?.go({ ...GO, stopAt }), { kind: 'stopped' })
      const startedMs = performance.now()
      await first?.kill()
      const said = await Promise.all([second, third].map((each) => each?.go(GO) as Promise<Said>))
      assert.deepEqual(kinds(said), ['join', 'sent'])
      assert.equal(said.find(({ kind }) => kind === 'join')?.joined, said.find(({ kind }) => kind === 'sent')?.id)
      assert.equal(arm.asked('orders'), calls)
      assert.ok(performance.now() - startedMs > LEASE_MS - 700, 'nobody took over while the lease ran')
    })
  }

  it('a holder that is frozen past its lease and wakes up changes nothing any more', async (t) => {
    const [connectionString, arm] = [await anAccount(t), await startCountingArm(t, 300)]
    const [frozen, second, third] = await Promise.all(
      [0, 1, 2].map(() => startLedgerProcess(t, { connectionString, arm: arm.origin, leaseMs: LEASE_MS })),
    )
    const late = frozen?.go(GO)
    while (arm.asked('orders') === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    frozen?.signal('SIGSTOP')
    const said = await second?.go(GO)
    assert.equal(said?.kind, 'sent')
    frozen?.signal('SIGCONT')
    assert.equal((await late)?.kind, 'superseded')
    assert.equal((await third?.go(GO))?.joined, said?.id)
    assert.equal(arm.asked('orders'), 2)
  })

  it('a write that is applied while its answer is cut off is recognised: ARM is asked once, the outcome is recorded, nobody waits', async (t) => {
    const arm = await startCountingArm(t)
    const proxy = await startCuttingProxy(t, await anAccount(t))
    const one = await startLedgerProcess(t, { connectionString: proxy.connectionString, arm: arm.origin })
    const two = await startLedgerProcess(t, { connectionString: proxy.connectionString, arm: arm.origin })
    await one.go({ ...GO, backendId: 'warm' })
    for (const [backendId, text] of [
      ['reserving', 'flightNonce'],
      ['settling', '"scheduledDue"'],
    ] as const) {
      const before = proxy.cuts()
      proxy.cutAnswerTo(text)
      const startedMs = performance.now()
      const sent = await one.go({ ...GO, backendId })
      assert.deepEqual([sent.kind, sent.recorded], ['sent', true])
      assert.equal(proxy.cuts(), before + 1, 'an answer was cut off')
      assert.ok(performance.now() - startedMs < 2_000)
      assert.equal((await two.go({ ...GO, backendId })).joined, sent.id)
      assert.equal(arm.asked(backendId), 1)
    }
  })

  it('storage that goes away and comes back: sent and not recorded, and recorded again after the rest', async (t) => {
    const arm = await startCountingArm(t, 10)
    const storage = await startStorageProxy(await anAccount(t))
    t.after(storage.stop)
    const [one, two] = await Promise.all(
      [0, 1].map(() => startLedgerProcess(t, { connectionString: storage.connectionString, arm: arm.origin })),
    )
    assert.equal((await one?.go({ ...GO, backendId: 'a' }))?.recorded, true)
    await storage.become('refuse')
    const away = await one?.go({ ...GO, backendId: 'b' })
    assert.deepEqual([away?.kind, away?.recorded], ['sent', false])
    assert.equal((await one?.go({ ...GO, backendId: 'b' }))?.kind, 'joined', 'within the process it still holds')
    await storage.become('up')
    assert.equal((await two?.go({ ...GO, backendId: 'c' }))?.recorded, true)
    assert.equal((await one?.go({ ...GO, backendId: 'd' }))?.recorded, false, 'nobody asks storage while it rests')
    await new Promise((resolve) => setTimeout(resolve, 5_100))
    const back = await one?.go({ ...GO, backendId: 'e' })
    assert.deepEqual([back?.kind, back?.recorded], ['sent', true])
    assert.equal((await two?.go({ ...GO, backendId: 'e' }))?.joined, back?.id)
  })
})
