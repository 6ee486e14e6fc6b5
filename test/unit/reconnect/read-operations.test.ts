import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Action } from '../../../src/domain/failure.ts'
import type { OperationQuery } from '../../../src/domain/operation-query.ts'
import { createHistory } from '../../../src/operations/history.ts'
import { createPageTokens } from '../../../src/operations/page-token.ts'
import { listOperations, readOperation, type ReadPorts } from '../../../src/reconnect/read-operations.ts'
import { err, ok, type Result } from '../../../src/shared/result.ts'
import { anOperation, anOperationId } from '../../support/an-operation.ts'
import { aBackend, aCaller, aPrincipal, someGrants } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const CREDENTIALS = { authorization: 'Bearer t', clientPrincipal: undefined }
/** Made by another caller than the one that reads. */
const THEIRS = { kind: 'user', id: 'another' }
const ELSEWHERE = aBackend({ backendId: 'payments' })

function room({ granted = ['read'] as readonly Action[], authenticated = true } = {}) {
  const core = createCore()
  const { store, clock } = core
  const [theirs, mine, hidden] = [
    anOperation({ caller: THEIRS }),
    anOperation({}, { backend: ELSEWHERE }),
    anOperation({ caller: THEIRS }, { backend: ELSEWHERE }),
  ]
  for (const operation of [theirs, mine, hidden]) {
    core.putRow(operation)
    core.rows.copies.set(operation.id, operation)
  }
  const ports: ReadPorts = {
    authenticate: async () => (authenticated ? ok(aCaller()) : err({ reason: 'token_expired' })),
    grants: someGrants(granted),
    history: createHistory(store, createPageTokens(store), clock.now),
    clock,
  }
  const read = (id = theirs.id as typeof theirs.id | undefined) =>
    clock.finish(readOperation(CREDENTIALS, id, core.deadline(), ports))
  const list = (parse: () => Result<OperationQuery, never> = () => ok({ top: 50 })) =>
    clock.finish(listOperations(CREDENTIALS, parse, core.deadline(), ports))
  return { ...core, theirs, mine, hidden, ports, read, list }
}

describe('one operation', () => {
  it('is shown to a caller that may read its backend', async () => {
    const there = room()
    assert.deepEqual((await there.read()).result, ok(there.theirs))
  })

  it('is shown to the caller that made it, without a grant', async () => {
    const there = room({ granted: [] })
    assert.deepEqual((await there.read(there.mine.id)).result, ok(there.mine))
  })

  it('does not exist for another caller; nor does one that was never made, or a text that is no id', async () => {
    const there = room()
    for (const id of [there.hidden.id, anOperationId()])
      assert.deepEqual((await there.read(id)).result, err({ reason: 'operation_not_found' }))
    const { history: _, ...rest } = there.ports
    const untouched = { ...rest, history: { find: () => assert.fail('storage is not asked'), list: assert.fail } }
    const { result } = await readOperation(CREDENTIALS, undefined, there.deadline(), untouched)
    assert.deepEqual(result, err({ reason: 'operation_not_found' }))
  })

  it('made by a caller of another kind with the same id is not one’s own', async () => {
    const there = room({ granted: [] })
    there.putRow({ ...there.mine, caller: { kind: 'user', id: aCaller().id } })
    assert.deepEqual((await there.read(there.mine.id)).result, err({ reason: 'operation_not_found' }))
  })

  it('needs more than the action reconnect', async () => {
    const there = room({ granted: ['reconnect'] })
    assert.deepEqual((await there.read()).result, err({ reason: 'operation_not_found' }))
  })
})

describe('a list', () => {
  it('has only what the caller may read: neither own operations elsewhere, nor the number of others', async () => {
    const there = room()
    const { result, caller } = await there.list()
    assert.ok(result.ok)
    assert.deepEqual(result.value.operations, [there.theirs])
    assert.equal(caller?.id, aCaller().id)
  })

  it('is empty for a caller that may read nothing, without a call to storage', async () => {
    const there = room({ granted: ['reconnect'] })
    assert.deepEqual((await there.list()).result, ok({ operations: [] }))
    assert.equal(there.faults.calls('listMonth'), 0)
  })

  it('with a token of another query is refused by the name of the parameter', async () => {
    const { result } = await room().list(() => ok({ top: 5, skipToken: 'A'.repeat(90) }))
    assert.ok(!result.ok && result.error.reason === 'parameter_invalid' && result.error.parameter === '$skiptoken')
  })

  it('reads its parameters after authentication: a stranger learns nothing of them', async () => {
    const there = room({ authenticated: false })
    const { result, caller } = await there.list(() => assert.fail('the parameters are not read'))
    assert.deepEqual([result, caller], [err({ reason: 'token_expired' }), undefined])
  })

  it('with bad parameters is refused for a caller without grants as well', async () => {
    const there = room({ granted: [] })
    const bad = err({ reason: 'parameter_invalid', parameter: 'top', expectation: 'e' } as const)
    const { result } = await there.clock.finish(listOperations(CREDENTIALS, () => bad, there.deadline(), there.ports))
    assert.deepEqual(result, bad)
  })
})

describe('storage that is away', () => {
  it('is a failure of its own, and the caller is known', async () => {
    const there = room()
    there.faults.always('fails', 'readOperation', 'listMonth')
    for (const { result, caller } of [await there.read(), await there.list()]) {
      assert.ok(!result.ok && result.error.reason === 'storage_unavailable')
      assert.ok(caller)
    }
  })

  it('and hangs is given up at the deadline', async () => {
    const there = room()
    there.faults.next('readOperation', 'hangs')
    const { result } = await there.read()
    assert.ok(!result.ok && result.error.reason === 'storage_unavailable')
    assert.equal(there.clock.now() - START_EPOCH_MS, 30_000)
  })

  it('is told from a defect, which is a fault of this app', async () => {
    const there = room()
    there.faults.next('readOperation', () => {
      throw new TypeError('a defect')
    })
    const { result } = await there.read()
    assert.ok(!result.ok && result.error.reason === 'defect' && /TypeError: a defect/.test(result.error.detail))
  })
})

it('a principal that reads on the whole subscription reads every backend below it', async () => {
  const there = room()
  const grants = someGrants(['read'], `/subscriptions/${aBackend().subscriptionId}`)
  const caller = aCaller({ principals: [aPrincipal(`app:${aCaller().id}`)] })
  const { result } = await there.clock.finish(
    listOperations(CREDENTIALS, () => ok({ top: 50 }), there.deadline(), {
      ...there.ports,
      grants,
      authenticate: async () => ok(caller),
    }),
  )
  assert.ok(result.ok && result.value.operations.length === 3)
})
