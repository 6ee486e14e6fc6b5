/** Contract, section 11: `GET /webhooks/{webhook}/deliveries`, the answer to "why did my alert not act". */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { assertRefused, startConversation } from './conversation.ts'
import {
  ask,
  DEV,
  GROUP,
  inRole,
  listWhen,
  ORDERS,
  pause,
  PROD,
  SUBSCRIPTION,
  valueOf,
  withGrants,
} from './operators.ts'
import { storageAccount } from './places.ts'
import { alert, eventually, groupOf, post } from './senders.ts'

interface Shown {
  readonly at: string
  readonly outcome: string
  readonly reason?: string
  readonly alertRule?: string
  readonly alertId?: string
  readonly backend?: string
  readonly omitted?: number
}

const LIST = '/webhooks/alertmanager/deliveries'
const bearer = { authorization: `Bearer ${WEBHOOK_SECRETS.ALERTMANAGER_TOKEN}` }
const DENIED = `${SUBSCRIPTION}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`
const GRANTS = [
  { role: 'Prod.Reader', scope: PROD, actions: ['read'] },
  { role: 'Orders.Reader', scope: ORDERS, actions: ['read'] },
  { role: 'Locked.Reader', scope: DENIED.slice(0, DENIED.indexOf('/providers')), actions: ['read'] },
  { role: 'Both.Reader', scope: GROUP, actions: ['read'] },
  { role: 'Reconnect', scope: SUBSCRIPTION, actions: ['reconnect', 'force', 'pause'] },
] as const
const room = await startConversation({ after }, withGrants(GRANTS))
const counted = (shown: readonly Shown[]): number => shown.reduce((sum, { omitted = 0 }) => sum + 1 + omitted, 0)

describe('a delivery that did not act is listed', { concurrency: 1 }, () => {
  const kinds: readonly (readonly [outcome: string, send: () => Promise<unknown>, entry: Partial<Shown>])[] = [
    [
      'unmatched',
      () => post(room, 'alertmanager', { headers: bearer, body: groupOf([ORDERS], { labels: { alertname: 'Rule' } }) }),
      { alertRule: 'Rule', reason: "backend: the alert has no attribute 'apim_service'" },
    ],
    [
      'invalid',
      () =>
        post(room, 'alertmanager', {
          headers: bearer,
          body: groupOf([ORDERS], { labels: { alertname: 'Rule', apim_service: '..', backend_id: 'x' } }),
        }),
      { alertRule: 'Rule' },
    ],
    [
      'resolved',
      () => post(room, 'alertmanager', { headers: bearer, body: groupOf([ORDERS], { status: 'resolved' }) }),
      { backend: ORDERS, alertRule: 'A' },
    ],
    [
      'unauthenticated',
      () => post(room, 'AlertManager', { headers: { authorization: 'Bearer wrong' }, body: groupOf([ORDERS]) }),
      { reason: 'webhook_secret: Authorization' },
    ],
    ['malformed', () => post(room, 'alertmanager', { headers: bearer, body: '{"version":"3"}' }), {}],
  ]
  for (const [outcome, send, entry] of kinds) {
    it(outcome, async () => {
      await send()
      const [newest] = await listWhen<Shown>(room, LIST, ([first]) => first?.outcome === outcome)
      assert.ok(newest !== undefined && Math.abs(Date.parse(newest.at) - Date.now()) < 60_000)
      for (const [name, value] of Object.entries(entry)) assert.equal(newest[name as keyof Shown], value, name)
      assert.equal(newest.backend, entry.backend)
      assert.equal(typeof (newest.reason ?? ''), 'string')
    })
  }

  it('denied, with its backend', async () => {
    await alert(room, 'generic', DENIED)
    const [newest] = await listWhen<Shown>(room, '/webhooks/generic/deliveries', (value) => value.length > 0)
    assert.deepEqual([newest?.outcome, newest?.backend], ['denied', DENIED])
    assert.match(newest?.reason ?? '', /no grant/)
  })

  it('paused, with its backend and how long the pause lasts', async () => {
    const backend = room.freshBackend()
    const until = new Date(Date.now() + 600_000).toISOString()
    await pause(room, { scope: backend, until })
    await alert(room, 'alertmanager', backend)
    const [newest] = await listWhen<Shown>(room, LIST, ([first]) => first?.outcome === 'paused')
    assert.deepEqual([newest?.backend, newest?.reason?.includes(until)], [backend, true])
  })

  it('newest first, and nothing of the payload or of a credential', async () => {
    const shown = await listWhen<Shown>(room, LIST, (value) => value.length >= 6)
    const times = shown.map(({ at }) => at)
    assert.deepEqual(times, times.toSorted().toReversed())
    assert.doesNotMatch(JSON.stringify(shown), /wrong|annotations|startsAt|apim_service":/)
  })

  it('and one that acted is not', async () => {
    const backend = room.freshBackend()
    await alert(room, 'alertmanager', backend)
    await delay(1_500)
    assert.ok(!valueOf<Shown>(await ask(room, LIST)).some((one) => one.backend === backend))
  })
})

describe('who may read it', { concurrency: 4 }, () => {
  const outcomesFor = async (path: string, ...roles: readonly string[]): Promise<readonly string[]> => [
    ...new Set(
      valueOf<Shown>(await ask(room, path, { as: await inRole(room, ...roles) })).map(({ outcome }) => outcome),
    ),
  ]

  it('entries that name a backend are shown to who may read it, the others to who may read all that the webhook is granted', async () => {
    const all = await outcomesFor(LIST, 'Both.Reader')
    for (const outcome of ['unmatched', 'invalid', 'resolved', 'unauthenticated', 'malformed', 'paused'])
      assert.ok(all.includes(outcome), `${outcome} of ${all.join()}`)
    assert.deepEqual((await outcomesFor(LIST, 'Prod.Reader')).toSorted(), ['paused', 'resolved'])
    assert.deepEqual(await outcomesFor(LIST, 'Orders.Reader'), ['resolved'])
    assert.deepEqual(await outcomesFor('/webhooks/generic/deliveries', 'Locked.Reader'), ['denied'])
    assert.deepEqual(await outcomesFor('/webhooks/generic/deliveries', 'Both.Reader'), [])
  })

  it('an unknown webhook, and one of which the caller may read nothing, are the same 404', async () => {
    const errors = await Promise.all([
      ask(room, '/webhooks/unknown/deliveries'),
      ask(room, '/webhooks/unknown/deliveries', { as: 'stranger' }),
      ask(room, LIST, { as: 'stranger' }),
      ask(room, LIST, { as: await inRole(room, 'Reconnect') }),
      ask(room, LIST, { as: await inRole(room, 'Locked.Reader') }),
      ask(room, '/webhooks/constructor/deliveries'),
    ])
    const bodies = errors.map((answer) => JSON.stringify(assertRefused(answer, 404, 'WebhookNotFound')))
    assert.equal(new Set(bodies).size, 1)
    assert.equal((await room.decision(errors[0]))['outcome'], 'refused')
  })

  it('a webhook without such deliveries is an empty list to who may read of it', async () => {
    assert.deepEqual(valueOf(await ask(room, '/webhooks/event-grid/deliveries')), [])
    const as = await inRole(room, 'Orders.Reader')
    assert.deepEqual(valueOf(await ask(room, '/webhooks/event-grid/deliveries', { as })), [])
  })

  it('the name matches without regard to case, as paths do', async () => {
    assert.ok(valueOf(await ask(room, '/Webhooks/ALERTMANAGER/Deliveries')).length > 0)
  })

  it('a token is needed, and nothing is said of the webhook before', async () => {
    for (const webhook of ['alertmanager', 'unknown'])
      assertRefused(await ask(room, `/webhooks/${webhook}/deliveries`, { as: null }), 401, 'AuthenticationFailed')
  })

  it('an unknown parameter is 400', async () => {
    assertRefused(await ask(room, LIST, { query: '?top=5' }), 400, 'InvalidQueryParameterValue')
  })
})

describe('in a storm', { concurrency: 2 }, () => {
  it('storage gets one write a second at most, the next entry says how many were left out, and nothing is lost uncounted', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    const writes = () =>
      storage.calls({ service: 'table', write: true, contains: 'list-deliveries-alertmanager' }).length
    const startedAt = performance.now()
    let sent = 0
    while (performance.now() - startedAt < 4_000) {
      const body = groupOf(
        Array.from({ length: 20 }, () => DEV),
        { status: 'resolved' },
      )
      await Promise.all(Array.from({ length: 10 }, () => post(own, 'alertmanager', { headers: bearer, body })))
      sent += 200
    }
    await delay(2_500)
    const seconds = Math.ceil((performance.now() - startedAt) / 1_000)
    assert.ok(writes() <= seconds + 1, `${writes()} writes in ${seconds} s`)
    await post(own, 'alertmanager', { headers: bearer, body: groupOf([ORDERS], { labels: { alertname: 'Last' } }) })
    sent += 1
    const shown = await listWhen<Shown>(own, LIST, ([first]) => first?.alertRule === 'Last')
    assert.ok((shown[0]?.omitted ?? 0) > 0)
    assert.ok(shown.length <= 100)
    if (shown.length < 100) assert.equal(counted(shown), sent)
  })

  it('a sender that cannot prove itself does not fill the list', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS))
    for (let index = 0; index < 5; index += 1)
      await Promise.all(Array.from({ length: 40 }, () => post(own, 'alertmanager', { body: '{}' })))
    await post(own, 'alertmanager', { headers: bearer, body: groupOf([ORDERS], { labels: { alertname: 'Mine' } }) })
    await eventually(async () => {
      const shown = valueOf<Shown>(await ask(own, LIST))
      return shown.some(({ alertRule }) => alertRule === 'Mine') && shown.length < 40 && counted(shown) === 201
    })
  })

  it('an unknown webhook costs storage nothing', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    for (let index = 0; index < 20; index += 1) await post(own, `unknown-${index}`, { body: '{}' })
    await delay(1_500)
    assert.equal(storage.calls({ contains: 'list-deliveries' }).length, 0)
  })
})

describe('storage away', () => {
  it('alerts are answered as ever, and the list is a 503', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    const fault = storage.add({ service: 'table' }, { kind: 'hang' })
    const body = groupOf([ORDERS], { labels: {} })
    const posted = await post(own, 'alertmanager', { headers: bearer, body })
    assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [200, 'unmatched'])
    assertRefused(await ask(own, LIST), 503, 'ServiceUnavailable')
    fault.lift()
    await delay(1_500)
    await post(own, 'alertmanager', { headers: bearer, body })
    const shown = await listWhen<Shown>(own, LIST, (value) => counted(value) === 2)
    assert.equal(shown[0]?.omitted, 1)
  })
})
