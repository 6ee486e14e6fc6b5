/** Contract, section 11: `GET /backends`, what a caller can reconnect, and what goes on there. */
import assert from 'node:assert/strict'
import { after, describe, it, type TestContext } from 'node:test'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { assertRefused, sibling, startConversation, type Conversation } from './conversation.ts'
import { allOf, ask, DEV, GROUP, inRole, listWhen, ORDERS, pause, withGrants, PROD, valueOf } from './operators.ts'
import { storageAccount } from './places.ts'
import { alert } from './senders.ts'

interface Shown {
  readonly id: string
  readonly actions: readonly string[]
  readonly scheduled?: { readonly operation: string; readonly due: string }
  readonly inFlight?: { readonly operation: string }
  readonly paused?: { readonly id: string }
  readonly last?: { readonly id: string; readonly state: string }
}

const GRANTS = [
  { role: 'Prod.Reader', scope: PROD, actions: ['read'] },
  { role: 'Prod.Reconnect', scope: PROD, actions: ['reconnect'] },
  { role: 'Dev.Reader', scope: DEV, actions: ['read'] },
  { role: 'Named', scope: `${PROD}/backends/never-used`, actions: ['reconnect', 'read'] },
  { role: 'Named', scope: ORDERS.toUpperCase().replace('/SUBSCRIPTIONS', '/subscriptions'), actions: ['read'] },
] as const
const room = await startConversation({ after }, withGrants(GRANTS))
const has = (id: string) => (shown: readonly Shown[]) =>
  shown.some((backend) => backend.id.toLowerCase() === id.toLowerCase())

describe('the list', { concurrency: 4 }, () => {
  it('has the backends that a grant names, also those to which nothing ever happened', async () => {
    const shown = await allOf<Shown>(room, '/backends', { as: await inRole(room, 'Named') })
    assert.deepEqual(
      shown.map(({ id, actions }) => [id.toLowerCase(), actions]),
      [
        [`${PROD}/backends/never-used`.toLowerCase(), ['reconnect', 'read']],
        [ORDERS.toLowerCase(), ['read']],
      ],
    )
  })

  it('has the backends with operations in the scopes of the caller, a while after the first operation', async () => {
    const backend = room.freshBackend()
    await room.reconnect({ backend })
    const shown = await listWhen<Shown>(room, '/backends', has(backend), { as: await inRole(room, 'Prod.Reader') })
    assert.deepEqual(shown.find(({ id }) => id === backend)?.actions, ['read'])
  })

  it('has nothing of other scopes', async () => {
    const backend = room.freshBackend()
    await room.reconnect({ backend })
    await listWhen<Shown>(room, '/backends', has(backend))
    for (const as of [await inRole(room, 'Dev.Reader'), 'stranger'] as const)
      assert.deepEqual(await allOf<Shown>(room, '/backends', { as }), [])
  })

  it('has what the caller may do with each', async () => {
    const backend = room.freshBackend()
    await room.reconnect({ backend })
    const shown = await listWhen<Shown>(room, '/backends', has(backend), {
      as: await inRole(room, 'Prod.Reader', 'Prod.Reconnect'),
    })
    assert.deepEqual(shown.find(({ id }) => id === backend)?.actions, ['reconnect', 'read'])
  })

  it('has what is scheduled and the last operation, with read only', async () => {
    const backend = room.freshBackend()
    const answer = await room.reconnect({ backend, body: { properties: { after: 'PT10M' } } })
    const operation = answer.headers['x-reconnect-operation']
    const due = answer.headers['x-reconnect-due']
    const joined = await room.reconnect({ backend, body: { properties: { after: 'PT1H' } } })
    const byId = ({ id }: Shown): boolean => id === backend
    const shown = (await listWhen<Shown>(room, '/backends', has(backend))).find(byId)
    assert.deepEqual(shown?.scheduled, { operation, due })
    assert.deepEqual([shown?.last?.id, shown?.last?.state], [joined.headers['x-reconnect-operation'], 'joined'])
    const blind = (await allOf<Shown>(room, '/backends', { as: await inRole(room, 'Prod.Reconnect') })).find(byId)
    assert.deepEqual(blind, { id: backend, actions: ['reconnect'] })
  })

  it('does not show as scheduled what was due', async () => {
    const backend = room.freshBackend()
    await room.reconnect({ backend, body: { properties: { after: 'PT1S' } } })
    await listWhen<Shown>(room, '/backends', (shown) => shown.some(({ id, scheduled }) => id === backend && !scheduled))
  })

  it('has who waits for ARM', async () => {
    const backend = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'hang', scope: backend })
    const waiting = room.reconnect({ backend })
    const shown = await listWhen<Shown>(room, '/backends', (value) =>
      value.some(({ id, inFlight }) => id === backend && inFlight !== undefined),
    )
    const operation = shown.find(({ id }) => id === backend)?.inFlight?.operation
    room.sandbox.azure.faults.clear()
    assert.equal((await room.decision(await waiting))['operationId'], operation)
  })

  it('has the pause that covers alerts for the backend, with read only', async () => {
    const own = sibling(room.freshBackend(), 'paused-one')
    room.sandbox.azure.addBackend(own)
    await room.reconnect({ backend: own })
    const { id } = (await pause(room, { scope: own })).json() as { id: string }
    await listWhen<Shown>(room, '/backends', (value) => value.some((one) => one.id === own && one.paused?.id === id), {
      as: await inRole(room, 'Prod.Reader'),
    })
    const blind = await allOf<Shown>(room, '/backends', { as: await inRole(room, 'Prod.Reconnect') })
    assert.equal(blind.find((one) => one.id === own)?.paused, undefined)
  })

  it('asks nothing of ARM', async () => {
    const before = room.armReceived(ORDERS).length
    await ask(room, '/backends', { query: `?service=${PROD}` })
    assert.equal(room.armReceived(ORDERS).length, before)
  })

  it('is no decision: no audit event', async () => {
    const { correlationId } = await ask(room, '/backends')
    assert.equal(
      room.decisions().some((event) => event['correlationId'] === correlationId),
      false,
    )
  })
})

describe('the parameters', { concurrency: 4 }, () => {
  it('service narrows to one API Management service, in any letter case', async () => {
    const backend = room.freshBackend()
    const dev = `${DEV}/backends/orders`
    await room.reconnect({ backend })
    await room.reconnect({ backend: dev })
    await listWhen<Shown>(room, '/backends', (shown) => has(backend)(shown) && has(dev)(shown))
    const ofDev = await allOf<Shown>(room, `/backends?service=${DEV.toUpperCase()}`)
    assert.deepEqual([has(backend)(ofDev), has(dev)(ofDev)], [false, true])
    const named = await allOf<Shown>(room, `/backends?service=${DEV}`, { as: await inRole(room, 'Named') })
    assert.deepEqual(named, [], 'backends that a grant names are narrowed as well')
  })

  for (const [query, parameter] of [
    ['?colour=red', 'colour'],
    ['?top=5', 'top'],
    ['?service=apim-prod', 'service'],
    [`?service=${GROUP}`, 'service'],
    [`?service=${ORDERS}`, 'service'],
    ['?service=', 'service'],
    [`?service=${PROD}'%20or%20'1'%20eq%20'1`, 'service'],
    ['?$skiptoken=', '$skiptoken'],
    ['?$skiptoken=AAAA', '$skiptoken'],
    [`?$skiptoken=${'A'.repeat(2_000)}`, '$skiptoken'],
    ["?$skiptoken='%20or%20''%20eq%20'", '$skiptoken'],
  ] as const) {
    it(`${query.slice(0, 60)}: 400`, async () => {
      const error = assertRefused(await ask(room, '/backends', { query }), 400, 'InvalidQueryParameterValue')
      assert.equal(error.target, parameter)
    })
  }

  it('a nextLink of /operations is none of /backends, nor the other way round', async () => {
    for (let index = 0; index < 2; index += 1) await room.reconnectFresh()
    const { nextLink } = (await ask(room, '/operations', { query: '?top=1' })).json() as { nextLink: string }
    const token = new URL(nextLink, 'http://app').searchParams.get('$skiptoken')
    assertRefused(await ask(room, '/backends', { query: `?$skiptoken=${token}` }), 400, 'InvalidQueryParameterValue')
  })

  it('without a token nothing is said of them', async () => {
    assertRefused(await ask(room, '/backends', { as: null, query: '?colour=red' }), 401, 'AuthenticationFailed')
  })
})

/** An app on storage whose calls are counted. */
async function counted(t: TestContext) {
  const storage = await startFaultyStorage(t, await storageAccount(t))
  const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
  return { storage, own }
}

async function useMany(own: Conversation, count: number): Promise<readonly string[]> {
  const backends = Array.from({ length: count }, () => own.freshBackend())
  for (let index = 0; index < count; index += 10)
    await Promise.all(backends.slice(index, index + 10).map((backend) => own.reconnect({ backend })))
  return backends
}

describe('many backends', () => {
  it('come in pages that hold each once, at a bounded number of calls to storage, with short pages of storage too', async (t) => {
    const { storage, own } = await counted(t)
    const backends = await useMany(own, 45)
    await listWhen<Shown>(own, '/backends', (shown) => shown.length === 20)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    for (const rows of [undefined, 7]) {
      if (rows !== undefined) storage.add({ service: 'table', method: 'GET' }, { kind: 'page-size', rows })
      const before = storage.calls({ service: 'table' }).length
      const first = await ask(own, '/backends')
      const cost = storage.calls({ service: 'table' }).length - before
      assert.ok(cost <= (rows === undefined ? 47 : 70), `${cost} calls for one page`)
      assert.equal(valueOf(first).length, 20)
      const shown = await allOf<Shown>(own, '/backends')
      assert.deepEqual(shown.map(({ id }) => id).toSorted(), backends.toSorted())
    }
  })

  it('of alerts are listed as those of people are', async (t) => {
    const { own } = await counted(t)
    const backend = own.freshBackend()
    await alert(own, 'alertmanager', backend)
    await listWhen<Shown>(own, '/backends', has(backend))
  })

  it('storage away: 503 within the deadline, and reconnects go on', async (t) => {
    const { storage, own } = await counted(t)
    const fault = storage.add({ service: 'table' }, { kind: 'busy' })
    assertRefused(await ask(own, '/backends'), 503, 'ServiceUnavailable')
    const backend = own.freshBackend()
    assert.equal((await own.reconnect({ backend })).status, 202)
    fault.lift()
    await listWhen<Shown>(own, '/backends', () => true)
  })

  it('the row of a backend that storage does not take comes later', async (t) => {
    const { storage, own } = await counted(t)
    const fault = storage.add({ service: 'table', contains: 'list-backends', write: true }, { kind: 'busy' })
    const backend = own.freshBackend()
    assert.equal((await own.reconnect({ backend })).headers['x-reconnect-outcome'], 'forwarded')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    assert.deepEqual(await allOf<Shown>(own, '/backends'), [])
    fault.lift()
    await listWhen<Shown>(own, '/backends', has(backend))
  })
})
