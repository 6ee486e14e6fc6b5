/** Pages of backends: named ones, then those with operations in the scopes, at a bounded number of calls. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Backend } from '../../../src/domain/backend-id.ts'
import { advance, startOperation, type Operation } from '../../../src/domain/operation.ts'
import type { Scope } from '../../../src/domain/scope.ts'
import { createBackendDirectory } from '../../../src/operations/backend-directory.ts'
import { createPageTokens } from '../../../src/operations/page-token.ts'
import type { BackendQuery, BackendStatus } from '../../../src/reconnect/operator-ports.ts'
import { createOperationId, partitionKeyOf } from '../../../src/storage/keys.ts'
import { aScope, GROUP, SERVICE, SUBSCRIPTION } from '../../support/a-pause.ts'
import { aBackend, aPermit } from '../../support/builders.ts'
import { createFakeClock, START_EPOCH_MS } from '../../support/fake-clock.ts'
import { createMemoryLists, createMemoryOperatorStore } from '../../support/memory-operator-store.ts'
import { createMemoryRows, createMemoryStore } from '../../support/memory-store.ts'

const DAY_MS = 86_400_000

function aRoom() {
  const clock = createFakeClock()
  const rows = createMemoryRows(clock.now)
  const lists = createMemoryLists(clock.now)
  const calls: string[] = []
  const store = createMemoryStore(rows, async (name, effect) => (calls.push(name), effect()))
  const list = createMemoryOperatorStore(lists)
  const directory = createBackendDirectory({ store, list, tokens: createPageTokens(store), now: clock.now })

  /** An operation of the backend, that long ago, as the process that recorded it leaves it behind. */
  async function had(backend: Backend, agoMs = 0): Promise<Operation> {
    const atEpochMs = clock.now() - agoMs
    const begun = startOperation(aPermit({ backend }), createOperationId(backend.key, atEpochMs), atEpochMs)
    const operation = advance(begun, { to: 'dry-run', dueEpochMs: atEpochMs }, atEpochMs)
    await store.writeOperations(partitionKeyOf(backend.key), [operation])
    await list.writeBackends([{ backend, seenAtEpochMs: atEpochMs }])
    return operation
  }

  async function page(query: Partial<BackendQuery>) {
    const before = calls.length + lists.calls.length
    const listed = await directory.list({ named: [], scopes: [], wantsLast: () => true, ...query })
    if (listed.kind !== 'page') return assert.fail('the token is not taken')
    const cost = calls.length + lists.calls.length - before
    return { ...listed, cost }
  }

  async function all(query: Partial<BackendQuery>): Promise<readonly BackendStatus[]> {
    const found: BackendStatus[] = []
    for (let skipToken: string | undefined, pages = 0; pages < 200; pages += 1) {
      const { backends, nextToken } = await page({ ...query, ...(skipToken === undefined ? {} : { skipToken }) })
      found.push(...backends)
      if (nextToken === undefined) return found
      skipToken = nextToken
    }
    return assert.fail('the pages do not end')
  }
  return { clock, rows, lists, calls, directory, had, page, all }
}

const idsOf = (found: readonly BackendStatus[]): readonly string[] => found.map(({ backend }) => backend.backendId)
const numbered = (count: number, change: object = {}): readonly Backend[] =>
  Array.from({ length: count }, (_, index) => aBackend({ backendId: `b${String(index).padStart(4, '0')}`, ...change }))

describe('the list of backends has', () => {
  it('backends that a grant names, whether anything ever happened to them, and each once', async () => {
    const { had, all } = aRoom()
    await had(aBackend({ backendId: 'b' }))
    const named = ['c', 'b', 'a'].map((backendId) => aBackend({ backendId }))
    assert.deepEqual(idsOf(await all({ named, scopes: [aScope(SERVICE)] })), ['a', 'b', 'c'])
  })

  it('those with operations in a scope, and none of another scope', async () => {
    const { had, all } = aRoom()
    for (const change of [{}, { serviceName: 'apim-prod-2' }, { resourceGroupName: 'rg-2' }])
      await had(aBackend({ backendId: 'orders', ...change }))
    const services = async (...scopes: readonly Scope[]) =>
      (await all({ scopes })).map(({ backend }) => `${backend.resourceGroupName}/${backend.serviceName}`)
    assert.deepEqual(await services(aScope(SERVICE)), ['rg-apim/apim-prod'])
    assert.deepEqual((await services(aScope(GROUP))).toSorted(), ['rg-apim/apim-prod', 'rg-apim/apim-prod-2'])
    assert.equal((await services(aScope(SUBSCRIPTION))).length, 3)
    assert.deepEqual(await services(aScope(`${SUBSCRIPTION}/resourceGroups/rg`)), [])
    assert.deepEqual(await services(), [])
  })

  it('those whose last operation is at most 90 days old, to the millisecond of the operation', async () => {
    const { had, all } = aRoom()
    await had(aBackend({ backendId: 'in' }), 90 * DAY_MS)
    await had(aBackend({ backendId: 'out' }), 90 * DAY_MS + 1)
    assert.deepEqual(idsOf(await all({ scopes: [aScope(SERVICE)] })), ['in'])
    assert.deepEqual(idsOf(await all({ scopes: [aScope(SERVICE)], wantsLast: () => false })), ['in'])
  })

  it('the newest operation, where it is wanted', async () => {
    const { had, page } = aRoom()
    await had(aBackend(), 1_000)
    const newest = await had(aBackend())
    const scopes = [aScope(SERVICE)]
    assert.equal((await page({ scopes })).backends[0]?.last?.id, newest.id)
    assert.equal((await page({ scopes, wantsLast: () => false })).backends[0]?.last, undefined)
  })

  it('what is in flight and what is scheduled, while that lasts', async () => {
    const { clock, rows, had, page } = aRoom()
    const { id } = await had(aBackend())
    const inFlight = {
      operationId: id,
      ownerToken: 't',
      leaseUntilEpochMs: START_EPOCH_MS + 1_000,
      earliestDueEpochMs: START_EPOCH_MS,
    }
    const scheduled = { operationId: id, dueEpochMs: START_EPOCH_MS + 2_000 }
    rows.slots.set(partitionKeyOf(aBackend().key), { value: { inFlight, scheduled }, etag: '1' })
    const seen = async () => {
      const [status] = (await page({ scopes: [aScope(SERVICE)] })).backends
      return [status?.inFlight, status?.scheduled]
    }
    assert.deepEqual(await seen(), [id, scheduled])
    await clock.advance(1_000)
    assert.deepEqual(await seen(), [undefined, scheduled])
    await clock.advance(1_000)
    assert.deepEqual(await seen(), [undefined, undefined])
  })
})

describe('pages', () => {
  it('together have every backend once, for named ones and others', async () => {
    const { had, all } = aRoom()
    const others = numbered(57, { serviceName: 'apim-other' })
    for (const backend of others) await had(backend)
    const named = numbered(45)
    for (const backend of named.slice(0, 9)) await had(backend)
    const found = await all({ named, scopes: [aScope(GROUP)] })
    assert.equal(found.length, 102)
    assert.equal(new Set(found.map(({ backend }) => backend.key)).size, 102)
  })

  it('cost at most 45 calls and a secret, for any number of backends and scopes', async () => {
    const { had, page } = aRoom()
    for (const backend of numbered(60)) await had(backend)
    const { cost, backends, nextToken } = await page({ scopes: [aScope(GROUP)] })
    assert.deepEqual([backends.length, typeof nextToken], [20, 'string'])
    assert.ok(cost <= 46, `${cost} calls`)
    const named = await page({ named: numbered(1_000, { serviceName: 'named' }), scopes: [aScope(GROUP)] })
    assert.equal(named.backends.length, 20)
    assert.ok(named.cost <= 46, `${named.cost} calls`)
  })

  it('read past thousands of backends of others in a bounded number of calls, and come to an end', async () => {
    const { lists, had, page, all } = aRoom()
    for (const backend of numbered(1_500, { serviceName: 'apim-m' })) await had(backend)
    const mine = [aBackend({ serviceName: 'apim-a' }), aBackend({ serviceName: 'apim-z' })]
    for (const backend of mine) await had(backend)
    const scopes = mine.map(({ serviceName }) => aScope(SERVICE.replace('apim-prod', serviceName)))
    lists.calls.length = 0
    assert.equal((await all({ scopes })).length, 2)
    assert.ok(lists.calls.length <= 3, `what lies between two scopes is skipped: ${lists.calls.length} calls`)
    const empty = Array.from({ length: 100 }, (_, index) => aScope(SERVICE.replace('apim-prod', `apim-m-${index}`)))
    assert.ok((await page({ scopes: empty })).cost <= 6)
    assert.deepEqual(await all({ scopes: empty }), [])
  })

  for (const [what, token] of [
    ['a token that was not made here', 'AAAA'],
    ['a token that is too long', 'A'.repeat(600)],
  ] as const) {
    it(`do not take ${what}`, async () => {
      const { directory } = aRoom()
      const listed = await directory.list({ named: [], scopes: [], wantsLast: () => true, skipToken: token })
      assert.deepEqual(listed, { kind: 'token_invalid' })
    })
  }

  it('do not take the token of another list', async () => {
    const { directory, rows } = aRoom()
    const tokens = createPageTokens(createMemoryStore(rows))
    const skipToken = await tokens.seal({ partition: '2026-11', after: undefined })
    assert.deepEqual(await directory.list({ named: [], scopes: [], wantsLast: () => true, skipToken }), {
      kind: 'token_invalid',
    })
  })
})
