/** Contract, sections 5 and 11: pauses, and webhooks that only decide. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { OPERATOR } from '../../sandbox/azure/directory.ts'
import { SANDBOX_WEBHOOKS } from '../../sandbox/webhooks.ts'
import { startFaultyStorage } from '../support/faulty-storage.ts'
import { assertAccepted, assertRefused, startConversation, type Heard } from './conversation.ts'
import { ask, DEV, GROUP, inRole, pause, pauseEvents, PROD, SUBSCRIPTION, valueOf, withGrants } from './operators.ts'
import { storageAccount } from './places.ts'
import { alert, eventsOf, eventually, isFinal, operationWhen, queueOf } from './senders.ts'

interface Shown {
  readonly id: string
  readonly scope: string
  readonly webhook?: string
  readonly until: string
  readonly reason: string
  readonly createdAt: string
  readonly createdBy: { readonly kind: string; readonly id: string; readonly name?: string }
}

const GRANTS = [
  { role: 'Pauser', scope: PROD, actions: ['pause'] },
  { role: 'Reader', scope: PROD, actions: ['read'] },
  { role: 'Dev.Both', scope: DEV, actions: ['pause', 'read'] },
  { role: 'Group.Reader', scope: GROUP, actions: ['read'] },
  { role: 'Reconnect', scope: SUBSCRIPTION, actions: ['reconnect', 'force'] },
] as const
const room = await startConversation({ after }, withGrants(GRANTS))
const bodyOf = (answer: Heard): Shown => {
  assert.equal(answer.status, 201, answer.text)
  return answer.json() as Shown
}
const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString()
const remove = (id: string, as: Parameters<typeof ask>[2] = {}) =>
  ask(room, `/pauses/${id}`, { method: 'DELETE', ...as })

describe('POST /pauses', { concurrency: 4 }, () => {
  it('201 with the pause, what was sent, who created it and when, and where it is', async () => {
    const sent = { scope: `${PROD}/backends/a`, webhook: 'grafana', until: inMs(60_000), reason: 'Größe: 停止' }
    const answer = await pause(room, sent)
    const { id, createdAt, createdBy, ...rest } = bodyOf(answer)
    assert.deepEqual(rest, sent)
    assert.match(id, /^[A-Za-z0-9_-]{22}$/)
    assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000)
    assert.deepEqual(createdBy, { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name })
    assert.equal(answer.headers['location'], `/pauses/${id}`)
  })

  it('Location is absolute only from RECONNECT_PUBLIC_URL', async (t) => {
    const { env, policy } = withGrants(GRANTS)
    const own = await startConversation(t, {
      policy,
      env: { ...env, RECONNECT_PUBLIC_URL: 'https://reconnect.example' },
    })
    const answer = await pause(own, { scope: PROD }, { headers: { 'x-forwarded-host': 'evil.example' } })
    assert.equal(answer.headers['location'], `https://reconnect.example/pauses/${bodyOf(answer).id}`)
  })

  for (const [what, body] of [
    ['no scope', { scope: undefined }],
    ['the scope of everything', { scope: '/' }],
    ['a scope that ends inside a segment', { scope: `${SUBSCRIPTION}/resourceGroups` }],
    ['another provider', { scope: `${GROUP}/providers/Microsoft.Web/sites/x` }],
    ['no until', { until: undefined }],
    ['an until in the past', { until: inMs(-1_000) }],
    ['an until more than 24 hours ahead', { until: inMs(24 * 3_600_000 + 60_000) }],
    ['an until that is no time', { until: 'tomorrow' }],
    ['no reason', { reason: undefined }],
    ['an empty reason', { reason: '' }],
    ['a reason of two lines', { reason: 'a\nb' }],
    ['a reason without end', { reason: 'x'.repeat(201) }],
    ['an unknown webhook', { webhook: 'unknown' }],
    ['a webhook that objects have by themselves', { webhook: 'constructor' }],
    ['an unknown member', { webhok: 'grafana' }],
  ] as const) {
    it(`${what}: 400 InvalidRequestContent`, async () => {
      assertRefused(await pause(room, { scope: PROD, ...body } as never), 400, 'InvalidRequestContent')
    })
  }

  for (const [what, change, status, code] of [
    ['no body', { body: '' }, 400, 'InvalidRequestContent'],
    ['no JSON', { body: '{', headers: { 'content-type': 'application/json' } }, 400, 'InvalidRequestContent'],
    ['another media type', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415, 'UnsupportedMediaType'],
    [
      'a large body',
      { body: 'x'.repeat(9_000), headers: { 'content-type': 'application/json' } },
      413,
      'RequestEntityTooLarge',
    ],
    ['an unknown parameter', { query: '?x=1' }, 400, 'InvalidQueryParameterValue'],
    ['no token', { as: null }, 401, 'AuthenticationFailed'],
  ] as const) {
    it(`${what}: ${status} ${code}`, async () => {
      const answer = await pause(room, { scope: PROD }, change)
      assertRefused(answer, status, code)
      assert.equal((await room.decision(answer))['outcome'], 'refused')
    })
  }

  it('needs `pause` on the whole scope; the message names action and scope, nothing else', async () => {
    for (const [as, scope] of [
      ['stranger', PROD],
      ['tool', `${PROD}/backends/orders`],
      [await inRole(room, 'Reader'), PROD],
      [await inRole(room, 'Reconnect'), PROD],
      [await inRole(room, 'Pauser'), GROUP],
      [await inRole(room, 'Pauser'), DEV],
    ] as const) {
      const { message } = assertRefused(await pause(room, { scope }, { as }), 403, 'AuthorizationFailed')
      assert.equal(message, `The caller does not have authorization to perform action 'pause' over scope '${scope}'.`)
    }
    bodyOf(await pause(room, { scope: `${PROD}/backends/b`, until: inMs(5_000) }, { as: await inRole(room, 'Pauser') }))
  })

  it('does not tell who may not pause which webhooks there are', async () => {
    for (const webhook of ['grafana', 'unknown'])
      assertRefused(await pause(room, { scope: PROD, webhook }, { as: 'stranger' }), 403, 'AuthorizationFailed')
  })
})

describe('GET /pauses', { concurrency: 4 }, () => {
  it('shows those on scopes that the caller may read', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/listed` }))
    const ids = async (as: Parameters<typeof pause>[2]): Promise<boolean> =>
      valueOf<Shown>(await ask(room, '/pauses', as)).some((shown) => shown.id === id)
    assert.deepEqual(
      await Promise.all([
        ids({}),
        ids({ as: await inRole(room, 'Dev.Both') }),
        ids({ as: await inRole(room, 'Group.Reader') }),
        ids({ as: await inRole(room, 'Reader') }),
        ids({ as: await inRole(room, 'Pauser') }),
        ids({ as: 'stranger' }),
      ]),
      [true, true, true, false, false, false],
    )
  })

  it('does not show a pause of a wider scope to who may read a part of it', async () => {
    const { id } = bodyOf(await pause(room, { scope: GROUP, webhook: 'event-grid', until: inMs(5_000) }))
    const shown = valueOf<Shown>(await ask(room, '/pauses', { as: await inRole(room, 'Reader') }))
    assert.ok(!shown.some((one) => one.id === id))
  })

  it('does not show one that has ended', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/short`, until: inMs(1_000) }))
    await eventually(async () => !valueOf<Shown>(await ask(room, '/pauses')).some((shown) => shown.id === id))
    assertRefused(await remove(id), 404, 'PauseNotFound')
  })

  it('an unknown parameter is 400, and no token is 401', async () => {
    assertRefused(await ask(room, '/pauses', { query: '?top=1' }), 400, 'InvalidQueryParameterValue')
    assertRefused(await ask(room, '/pauses', { as: null }), 401, 'AuthenticationFailed')
  })
})

describe('DELETE /pauses/{pauseId}', { concurrency: 4 }, () => {
  it('204 without a body, once', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/removed` }))
    const answer = await remove(id)
    assert.deepEqual([answer.status, answer.text], [204, ''])
    assertRefused(await remove(id), 404, 'PauseNotFound')
  })

  it('404 for an unknown id and for one that the caller may not see, in the same words', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/hidden` }))
    const bodies = await Promise.all(
      [
        remove('AAAAAAAAAAAAAAAAAAAAAA'),
        remove("x'%20or%20'1'%20eq%20'1"),
        remove('x'.repeat(300)),
        remove(id, { as: 'stranger' }),
        remove(id, { as: await inRole(room, 'Pauser') }),
        remove(id, { as: await inRole(room, 'Reader') }),
      ].map(async (answer) => JSON.stringify(assertRefused(await answer, 404, 'PauseNotFound'))),
    )
    assert.equal(new Set(bodies).size, 1)
  })

  it('403 for who sees it and may not end it', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/seen` }))
    assertRefused(await remove(id, { as: await inRole(room, 'Group.Reader') }), 403, 'AuthorizationFailed')
  })

  it('who may pause may end a pause without being able to read it', async () => {
    const as = await inRole(room, 'Pauser')
    const { id } = bodyOf(await pause(room, { scope: `${PROD}/backends/own` }, { as }))
    assert.equal((await remove(id, { as })).status, 204)
  })

  it('of two at once, one has ended it', async () => {
    const { id } = bodyOf(await pause(room, { scope: `${DEV}/backends/raced` }))
    const statuses = await Promise.all(Array.from({ length: 6 }, async () => (await remove(id)).status))
    assert.deepEqual(
      statuses.filter((status) => status === 204),
      [204],
    )
    assert.equal(pauseEvents(room).filter((event) => event['pauseId'] === id).length, 2)
  })
})

describe('the audit', () => {
  it('has one event at the start and one at a deletion, with the id, and no decision beside them', async () => {
    const sent = { scope: `${DEV}/backends/audited`, webhook: 'grafana', until: inMs(60_000), reason: 'maintenance' }
    const created = await pause(room, sent)
    const { id } = bodyOf(created)
    const deleted = await remove(id, { as: await inRole(room, 'Dev.Both') })
    await eventually(() => pauseEvents(room).filter((event) => event['pauseId'] === id).length === 2)
    const events = pauseEvents(room).filter((event) => event['pauseId'] === id)
    assert.deepEqual(
      events.map(({ outcome, scope, webhook, until, reason, correlationId }) => ({
        outcome,
        scope,
        webhook,
        until,
        reason,
        correlationId,
      })),
      [
        { outcome: 'created', ...sent, correlationId: created.correlationId },
        { outcome: 'deleted', ...sent, correlationId: deleted.correlationId },
      ],
    )
    assert.deepEqual(events[0]?.['caller'], { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name })
    assert.equal((events[1]?.['caller'] as { kind: string } | undefined)?.kind, 'app')
    const ids = [created.correlationId, deleted.correlationId]
    assert.equal(room.decisions().filter((event) => ids.includes(String(event['correlationId']))).length, 0)
  })
})

describe('while a pause lasts', { concurrency: 4 }, () => {
  it('an alert is answered 200 with outcome paused, nothing is stored, and its event names the pause', async () => {
    const backend = room.freshBackend()
    const { id } = bodyOf(await pause(room, { scope: backend }))
    const posted = await alert(room, 'alertmanager', backend)
    assert.deepEqual(
      [posted.status, posted.alerts[0]?.outcome, posted.alerts[0]?.operation],
      [200, 'paused', undefined],
    )
    const [event] = await eventsOf(room, posted)
    assert.deepEqual([event?.['outcome'], event?.['pauseId']], ['paused', id])
    await delay(500)
    assert.deepEqual(valueOf(await ask(room, '/operations', { query: `?backend=${backend}` })), [])
    assert.equal(room.armReceived(backend).length, 0)
  })

  it('alerts for other backends, and of other webhooks where it names one, act', async () => {
    const [paused, other] = [room.freshBackend(), room.freshBackend()]
    bodyOf(await pause(room, { scope: paused, webhook: 'grafana' }))
    const outcomes = await Promise.all([
      alert(room, 'grafana', paused),
      alert(room, 'alertmanager', paused),
      alert(room, 'grafana', other),
    ])
    assert.deepEqual(
      outcomes.map(({ alerts }) => alerts[0]?.outcome),
      ['paused', 'accepted', 'accepted'],
    )
  })

  it('people and tools are not affected', async () => {
    const backend = room.freshBackend()
    bodyOf(await pause(room, { scope: backend }))
    assert.equal((await alert(room, 'alertmanager', backend)).alerts[0]?.outcome, 'paused')
    assertAccepted(await room.reconnect({ backend }))
    assertAccepted(
      await room.reconnect({ backend, as: await inRole(room, 'Reconnect'), headers: { 'x-reconnect-force': 'true' } }),
    )
  })

  it('a webhook without a grant is denied as ever: a pause tells it nothing', async () => {
    const denied = `${SUBSCRIPTION}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`
    bodyOf(await pause(room, { scope: denied }))
    assert.equal((await alert(room, 'generic', denied)).status, 403)
  })

  it('it ends by itself, to the second, with no further write', async () => {
    const backend = room.freshBackend()
    const until = Date.now() + 3_000
    bodyOf(await pause(room, { scope: backend, until: new Date(until).toISOString() }))
    let endedAt = 0
    while (endedAt === 0) {
      const askedAt = Date.now()
      const { alerts } = await alert(room, 'alertmanager', backend)
      if (alerts[0]?.outcome === 'accepted') endedAt = Date.now()
      else assert.ok(askedAt <= until, 'an alert that comes after the end acts')
    }
    assert.ok(endedAt >= until, `it ended ${until - endedAt} ms early`)
  })

  it('a deletion lets the next alert act on the instance that took it', async () => {
    const backend = room.freshBackend()
    const { id } = bodyOf(await pause(room, { scope: backend }))
    assert.equal((await alert(room, 'alertmanager', backend)).alerts[0]?.outcome, 'paused')
    await remove(id)
    assert.equal((await alert(room, 'alertmanager', backend)).alerts[0]?.outcome, 'accepted')
  })
})

describe('an accepted delivery', { concurrency: 2 }, () => {
  it('waits until the pause ends, each put-off is an event that names the pause, and ARM hears of it then', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS))
    const backend = own.freshBackend()
    own.sandbox.azure.faults.add({ target: 'arm', kind: '503', scope: backend, times: 1 })
    const posted = await alert(own, 'alertmanager', backend)
    assert.equal(posted.alerts[0]?.outcome, 'accepted')
    await eventually(() => own.armReceived(backend).length === 1)
    const until = Date.now() + 8_000
    const { id } = bodyOf(await pause(own, { scope: backend, until: new Date(until).toISOString() }))
    const operation = await operationWhen(own, posted.alerts[0]?.operation, isFinal, 40_000)
    assert.equal(operation.state, 'forwarded')
    const [first, second] = own.armReceived(backend)
    assert.ok(first !== undefined && second !== undefined)
    assert.ok(Date.now() >= until)
    const deferred = own.decisions().filter(({ outcome, reason }) => outcome === 'deferred' && reason === 'paused')
    assert.ok(deferred.length >= 1)
    for (const event of deferred) assert.deepEqual([event['pauseId'], event['backend']], [id, backend])
  })

  it('is abandoned when deliverWithin passes before the pause ends', async (t) => {
    const { policy, env } = withGrants(GRANTS)
    const own = await startConversation(t, {
      policy: { ...(policy as object), deliverWithin: 'PT10S' },
      ...(env && { env }),
    })
    const backend = own.freshBackend()
    own.sandbox.azure.faults.add({ target: 'arm', kind: '503', scope: backend, times: 1 })
    const posted = await alert(own, 'alertmanager', backend)
    await eventually(() => own.armReceived(backend).length === 1)
    bodyOf(await pause(own, { scope: backend }))
    const operation = await operationWhen(own, posted.alerts[0]?.operation, isFinal, 40_000)
    assert.deepEqual([operation.state, own.armReceived(backend).length], ['abandoned', 1])
  })
})

describe('two instances', { concurrency: 2 }, () => {
  it('a pause, and its deletion, is effective on the other one within 10 s', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS))
    const { port } = await own.sandbox.startAnother()
    const outcome = async (backend: string) => (await alert(own, 'alertmanager', backend, { port })).alerts[0]?.outcome
    assert.equal(await outcome(own.freshBackend()), 'accepted')
    const scope = PROD
    /** Times are the subject of the unit test; a busy machine is given twice as long. */
    const becomes = (wanted: string): Promise<void> =>
      eventually(async () => (await outcome(own.freshBackend())) === wanted, 20_000)
    const { id } = bodyOf(await pause(own, { scope }))
    await becomes('paused')
    assert.equal((await ask(own, `/pauses/${id}`, { method: 'DELETE' })).status, 204)
    await becomes('accepted')
  })
})

describe('storage', { concurrency: 3 }, () => {
  it('is read once in 5 s for pauses, however many alerts come', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    const startedAt = performance.now()
    for (let index = 0; index < 10; index += 1) {
      const backend = own.freshBackend()
      await Promise.all(Array.from({ length: 30 }, () => alert(own, 'alertmanager', backend)))
    }
    const most = Math.ceil((performance.now() - startedAt) / 5_000) + 1
    const reads = storage.calls({ service: 'table', method: 'GET', contains: 'list-pauses' }).length
    assert.ok(reads >= 1 && reads <= most, `${reads} reads, at most ${most}`)
  })

  for (const kind of ['busy', 'hang'] as const) {
    it(`that cannot be read (${kind}): nothing is paused, the events say so, and alerts are answered while that lasts`, async (t) => {
      const storage = await startFaultyStorage(t, await storageAccount(t))
      const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
      const backend = own.freshBackend()
      bodyOf(await pause(own, { scope: backend }))
      assert.equal((await alert(own, 'alertmanager', backend)).alerts[0]?.outcome, 'paused')
      const fault = storage.add({ service: 'table', method: 'GET', contains: 'list-pauses' }, { kind })
      await delay(10_500)
      const posted = await alert(own, 'alertmanager', backend)
      assert.equal(posted.alerts[0]?.outcome, 'accepted')
      const events = await eventsOf(own, posted, 2)
      for (const event of events) assert.deepEqual([event['pausesUnread'], event['pauseId']], [true, undefined])
      assertRefused(await ask(own, '/pauses'), 503, 'ServiceUnavailable')
      fault.lift()
      await eventually(async () => (await alert(own, 'alertmanager', backend)).alerts[0]?.outcome === 'paused')
    })
  }

  it('that does not take a pause: 503, no event of a pause, and nothing is paused', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    storage.add({ service: 'table', write: true, contains: 'list-pauses' }, { kind: 'busy' }, { times: 1 })
    const answer = await pause(own, { scope: PROD })
    assertRefused(answer, 503, 'ServiceUnavailable')
    assert.equal((await own.decision(answer))['reason'], 'storage_unavailable')
    assert.deepEqual([valueOf(await ask(own, '/pauses')), pauseEvents(own)], [[], []])
  })

  it('whose answer is lost: the pause that was stored is created', async (t) => {
    const storage = await startFaultyStorage(t, await storageAccount(t))
    const own = await startConversation(t, { ...withGrants(GRANTS), storage: storage.connectionString })
    await ask(own, '/pauses')
    storage.add({ service: 'table', write: true, contains: 'list-pauses' }, { kind: 'lose-answer' }, { times: 1 })
    const { id } = bodyOf(await pause(own, { scope: PROD }))
    assert.deepEqual(
      valueOf<Shown>(await ask(own, '/pauses')).map((shown) => shown.id),
      [id],
    )
  })

  it('takes a hundred pauses, and not one more', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS))
    for (let index = 0; index < 100; index += 10)
      await Promise.all(
        Array.from({ length: 10 }, async (_, more) =>
          bodyOf(await pause(own, { scope: `${PROD}/backends/b${index + more}` })),
        ),
      )
    assertRefused(await pause(own, { scope: PROD }), 409, 'PauseLimitReached')
    const [first] = valueOf<Shown>(await ask(own, '/pauses'))
    await ask(own, `/pauses/${first?.id}`, { method: 'DELETE' })
    bodyOf(await pause(own, { scope: PROD }))
  })
})

describe('a webhook with mode dry-run', { concurrency: 2 }, () => {
  const DRY = { alertmanager: { ...SANDBOX_WEBHOOKS.alertmanager, mode: 'dry-run' } }

  it('decides and records everything, sends nothing and stores no message; other webhooks act', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS, DRY))
    const backend = own.freshBackend()
    const posted = await alert(own, 'alertmanager', backend)
    assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [200, 'dry-run'])
    const operation = await operationWhen(own, posted.alerts[0]?.operation, isFinal)
    assert.equal(operation.state, 'dry-run')
    const [event] = await eventsOf(own, posted)
    assert.deepEqual([event?.['outcome'], event?.['mode']], ['dry-run', 'dry-run'])
    await delay(500)
    assert.equal(own.armReceived(backend).length, 0)
    assert.equal((await queueOf(own).getProperties()).approximateMessagesCount, 0)
    assert.equal((await alert(own, 'grafana', backend)).alerts[0]?.outcome, 'accepted')
  })

  it('is overruled by RECONNECT_MODE', async (t) => {
    const { policy, env } = withGrants(GRANTS, DRY)
    const own = await startConversation(t, { policy, env: { ...env, RECONNECT_MODE: 'off' } })
    const posted = await alert(own, 'alertmanager', own.freshBackend())
    assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [200, 'switched-off'])
  })

  it('a delivery that was accepted before the switch ends as a dry run', async (t) => {
    const own = await startConversation(t, withGrants(GRANTS))
    const backend = own.freshBackend()
    own.sandbox.azure.faults.add({ target: 'arm', kind: '503', scope: backend, times: 1 })
    const posted = await alert(own, 'alertmanager', backend)
    assert.equal(posted.alerts[0]?.outcome, 'accepted')
    await eventually(() => own.armReceived(backend).length === 1)
    await own.sandbox.app.stop()
    const another = await own.sandbox.startAnother({
      RECONNECT_POLICY: JSON.stringify(withGrants(GRANTS, DRY).policy),
    })
    await eventually(() =>
      own.decisions().some((event) => event['backend'] === backend && event['outcome'] === 'dry-run'),
    )
    await another.stop()
    assert.equal(own.armReceived(backend).length, 1)
  })
})
