/**
 * Contract, section 12: did it help? Black box, with a policy whose times are seconds. What time decides is waited for, and never measured: a
 * machine that is slow decides later.
 */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { randomUUID } from 'node:crypto'
import { SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { SANDBOX_WEBHOOKS, WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { sandboxPolicy } from '../support/sandbox-policy.ts'
import { assertAccepted, startConversation, type Decision } from './conversation.ts'
import { alert, eventually, operationWhen, post, queueOf, type Posted, type ShownOperation } from './senders.ts'

const { alertmanager, generic } = SANDBOX_WEBHOOKS
const eventGrid = SANDBOX_WEBHOOKS['event-grid']
const SETTLE_MS = 1_000
const prompt = { ...alertmanager, after: 'PT4S' }
const patient = { confirmWithin: 'PT5M', resolveLag: 'PT0S', settle: 'PT1S' }

/** Webhooks of Alertmanager's kind share a form, so each has a secret of its own. */
const SECRETS = { IMPATIENT_TOKEN: randomUUID(), STATELESS_TOKEN: randomUUID() }
const bearer = (secret: string): { authorization: string } => ({ authorization: `Bearer ${secret}` })
const SENDERS = {
  alertmanager: bearer(WEBHOOK_SECRETS.ALERTMANAGER_TOKEN),
  impatient: bearer(SECRETS.IMPATIENT_TOKEN),
  stateless: bearer(SECRETS.STATELESS_TOKEN),
}
const impatient = { confirmWithin: 'PT2S', resolveLag: 'PT0S', settle: 'PT1S' }
const webhook = (secret: string, effect: object) => ({
  ...prompt,
  after: 'PT1S',
  authentication: { type: 'bearer', secret },
  effect,
})
const SERVICE = /^.*?(?=\/backends\/)/
const room = await startConversation(
  { after },
  {
    policy: {
      ...sandboxPolicy({
        webhooks: {
          alertmanager: { ...prompt, effect: patient },
          impatient: webhook('IMPATIENT_TOKEN', impatient),
          stateless: webhook('STATELESS_TOKEN', { ...impatient, confirms: false }),
          'event-grid': { ...eventGrid, after: 'PT1S', effect: { ...patient, settle: 'PT2S' } },
          generic,
        },
        grants: ['impatient', 'stateless'].map((name) => ({
          principal: `webhook:${name}`,
          scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
        })),
      }),
      limits: { perBackend: { count: 100, window: 'PT1H' }, notHelping: { count: 2 } },
    },
    env: { ...WEBHOOK_SECRETS, ...SECRETS },
  },
)

interface Effect {
  readonly verdict: string
  readonly since: string
  readonly decideBy: string
  readonly decidedAt?: string
  readonly evidence: readonly { readonly kind: string; readonly at: string; readonly alertId?: string }[]
}
const effectOf = (operation: ShownOperation): Effect => operation['effect'] as Effect
const verdictOf = (operation: ShownOperation): string | undefined =>
  (operation['effect'] as Effect | undefined)?.verdict
const forwarded = (id: string | undefined): Promise<ShownOperation> =>
  operationWhen(room, id, ({ state }) => state === 'forwarded')
const judged = (id: string | undefined, verdict: string): Promise<ShownOperation> =>
  operationWhen(room, id, (operation) => verdictOf(operation) === verdict, 60_000)

interface Said {
  readonly fingerprint?: string
  readonly startsAtEpochMs?: number
  readonly endsAtEpochMs?: number
}

/** One payload of Alertmanager's kind about one backend. */
function say(sender: keyof typeof SENDERS, backend: string, ...alerts: readonly Said[]): Promise<Posted> {
  const [, , , , , , , , service = '', , id = ''] = backend.split('/')
  const body = JSON.stringify({
    version: '4',
    alerts: alerts.map(({ fingerprint = 'f1', startsAtEpochMs = Date.now(), endsAtEpochMs }) => ({
      status: endsAtEpochMs === undefined ? 'firing' : 'resolved',
      labels: { alertname: 'Broken', apim_service: service, backend_id: id },
      annotations: {},
      startsAt: new Date(startsAtEpochMs).toISOString(),
      ...(endsAtEpochMs === undefined ? {} : { endsAt: new Date(endsAtEpochMs).toISOString() }),
      fingerprint,
    })),
  })
  return post(room, sender, { headers: SENDERS[sender], body })
}

async function fire(sender: keyof typeof SENDERS, backend: string, ...alerts: readonly Said[]): Promise<string> {
  const posted = await say(sender, backend, ...(alerts.length === 0 ? [{}] : alerts))
  assert.equal(posted.status, 202, posted.text)
  return posted.alerts[0]?.operation as string
}

async function resolve(sender: keyof typeof SENDERS, backend: string, said: Said = {}): Promise<void> {
  const posted = await say(sender, backend, { startsAtEpochMs: 0, endsAtEpochMs: Date.now(), ...said })
  assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [200, 'resolved'], posted.text)
}

const until = (epochMs: number): Promise<void> => eventually(() => Date.now() >= epochMs, 60_000)
const dueOf = (operation: ShownOperation): number => Date.parse(String(operation['due']))

/** The audit events of verdicts on one operation, with their levels. */
function told(id: string): readonly (Decision & { readonly level: unknown })[] {
  return room.sandbox.logs.flatMap((record) => {
    if (!record.message.startsWith('{"event":"reconnect.effect"')) return []
    const event = JSON.parse(record.message) as Decision
    return event['operationId'] === id ? [{ ...event, level: (record as unknown as { level: unknown }).level }] : []
  })
}

async function list(query: string): Promise<readonly ShownOperation[]> {
  const answer = await room.get(`/operations?${query}`, {
    authorization: `Bearer ${room.sandbox.info.tokens.operator}`,
  })
  assert.equal(answer.status, 200, answer.text)
  return (answer.json() as { value: readonly ShownOperation[] }).value
}

describe('the effect of an operation', { concurrency: 6 }, () => {
  it('is pending at first: since is due, decideBy is due and confirmWithin', async () => {
    const backend = room.freshBackend()
    const operation = await forwarded(await fire('alertmanager', backend))
    const { verdict, since, decideBy, decidedAt, evidence } = effectOf(operation)
    assert.deepEqual([verdict, since, decidedAt, evidence], ['pending', operation['due'], undefined, []])
    assert.equal(Date.parse(decideBy) - Date.parse(since), 300_000)
    assert.deepEqual(
      (await list(`backend=${encodeURIComponent(backend)}&effect=pending`)).map(({ id }) => id),
      [operation.id],
    )
  })

  it('is recovered when every alert behind it was resolved, healthy at or after due: one call and one line', async () => {
    const backend = room.freshBackend()
    const id = await fire('alertmanager', backend, {}, { fingerprint: 'f2' })
    const due = dueOf(await forwarded(id))
    await until(due + 1)
    await resolve('alertmanager', backend)
    assert.equal(verdictOf(await forwarded(id)), 'pending', 'one of two')
    await resolve('alertmanager', backend, { fingerprint: 'f2' })
    const operation = await judged(id, 'recovered')
    assert.deepEqual(
      effectOf(operation).evidence.map(({ kind }) => kind),
      ['resolved', 'resolved'],
    )
    await eventually(() => told(id).length > 0)
    const [event, ...more] = told(id)
    assert.deepEqual(more, [])
    assert.deepEqual(
      [event?.['verdict'], event?.['backend'], event?.['caller'], event?.['since'], event?.['evidence']],
      ['recovered', backend, { kind: 'webhook', id: 'alertmanager' }, operation['due'], effectOf(operation).evidence],
    )
    assert.deepEqual(event?.['trigger'], { kind: 'webhook', webhook: 'alertmanager', alertRule: 'Broken' })
    assert.deepEqual(
      (await list(`backend=${encodeURIComponent(backend)}&effect=recovered`)).map((one) => [one.id, verdictOf(one)]),
      [[id, 'recovered']],
    )
    assert.deepEqual(await list(`backend=${encodeURIComponent(backend)}&effect=pending`), [])
    const service = SERVICE.exec(backend)?.[0] ?? ''
    await eventually(async () =>
      (await list(`service=${encodeURIComponent(service)}&effect=recovered&top=100`)).some((one) => one.id === id),
    )
  })

  it('is recovered-early when it was healthy before due, and is decided at due at the earliest', async () => {
    const backend = room.freshBackend()
    const id = await fire('alertmanager', backend)
    await resolve('alertmanager', backend, { endsAtEpochMs: Date.now() })
    // The notification may have been faster than the delivery: then there was nothing to watch yet, and it is said again.
    await forwarded(id)
    await resolve('alertmanager', backend, { endsAtEpochMs: Date.now() })
    const operation = await judged(id, 'recovered-early')
    assert.ok(Date.parse(effectOf(operation).decidedAt ?? '') >= dueOf(operation))
  })

  it('is not-recovered when an alert is listed as firing at or after due and settle: an error', async () => {
    const backend = room.freshBackend()
    const id = await fire('alertmanager', backend)
    await until(dueOf(await forwarded(id)) + SETTLE_MS + 1)
    const next = await fire('alertmanager', backend)
    assert.notEqual(next, id)
    const operation = await judged(id, 'not-recovered')
    assert.deepEqual(
      effectOf(operation).evidence.map(({ kind }) => kind),
      ['fired'],
    )
    await eventually(() => told(id).length > 0)
    assert.match(String(told(id)[0]?.level), /error/i)
  })

  it('is not-recovered after silence, and is corrected once by a late resolve', async () => {
    const backend = room.freshBackend()
    const id = await fire('impatient', backend)
    await judged(id, 'not-recovered')
    await resolve('impatient', backend)
    await judged(id, 'recovered')
    await resolve('impatient', backend)
    await eventually(() => told(id).length > 1)
    assert.deepEqual(
      told(id).map((event) => [event['verdict'], event['corrected']]),
      [
        ['not-recovered', undefined],
        ['recovered', true],
      ],
    )
  })

  it('is unknown when a sender that does not confirm is silent', async () => {
    const operation = await judged(await fire('stateless', room.freshBackend()), 'unknown')
    assert.ok(Date.parse(effectOf(operation).decidedAt ?? '') >= Date.parse(effectOf(operation).decideBy))
  })

  it('is unknown at once for a generic sender, and for people and tools', async () => {
    const generics = await alert(room, 'generic', room.freshBackend())
    assert.equal(verdictOf(await forwarded(generics.alerts[0]?.operation)), 'unknown')
    const answer = await room.reconnectFresh()
    assertAccepted(answer)
    const id = String(answer.headers['x-reconnect-operation'])
    assert.equal(verdictOf(await forwarded(id)), 'unknown')
  })

  it('is superseded when another reconnect counted before it was due', async () => {
    const backend = room.freshBackend()
    const id = await fire('alertmanager', backend)
    await forwarded(id)
    assertAccepted(await room.reconnect({ backend, headers: { 'x-reconnect-force': 'true' } }))
    const operation = await operationWhen(room, id, (one) => verdictOf(one) !== 'pending')
    const { verdict, decidedAt = '', since } = effectOf(operation)
    assert.deepEqual([verdict, decidedAt < since], ['superseded', true])
    await eventually(() => told(id).length === 1)
  })

  it('of a circuit breaker is recovered when it closes after due and stays quiet', async () => {
    const backend = room.freshBackend()
    const opened = await alert(room, 'event-grid', backend)
    const id = opened.alerts[0]?.operation
    await until(dueOf(await forwarded(id)) + 1)
    const closed = await alert(room, 'event-grid', backend, { firing: false })
    assert.equal(closed.alerts[0]?.outcome, 'resolved', closed.text)
    const operation = await judged(id, 'recovered')
    assert.deepEqual(
      effectOf(operation).evidence.map(({ kind }) => kind),
      ['closed', 'quiet'],
    )
  })

  it('is not decided by a message that was forged', async () => {
    const backend = room.freshBackend()
    const id = await fire('alertmanager', backend)
    await forwarded(id)
    const message = {
      version: 1,
      operation: id,
      backend,
      webhook: 'alertmanager',
      acceptedAt: '2026-01-01T00:00:00.000Z',
      tries: 0,
      generation: 0,
      correlation: randomUUID(),
      judges: true,
      decideBy: '2026-01-01T00:00:00.000Z',
      verdict: 'recovered',
    }
    const { judges: _, ...copy } = message
    const queue = queueOf(room)
    // The copy of the alert's own message is told of when it is handled, the forged one is not.
    for (const one of [message, message, copy])
      await queue.sendMessage(Buffer.from(JSON.stringify(one)).toString('base64'))
    await eventually(() =>
      room.decisions().some((event) => event['operationId'] === id && event['outcome'] === 'duplicate'),
    )
    await eventually(async () => (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems.length === 0)
    assert.equal(verdictOf(await forwarded(id)), 'pending')
    assert.deepEqual(told(id), [])
  })
})

it('limits.notHelping: alerts are exhausted as not_helping, until a person reconnects', async () => {
  const backend = room.freshBackend()
  for (let round = 0; round < 2; round += 1) {
    const id = await fire('impatient', backend)
    await judged(id, 'not-recovered')
  }
  const sent = room.armReceived(backend).length
  const posted = await say('impatient', backend, {})
  const exhausted = await operationWhen(room, posted.alerts[0]?.operation, ({ state }) => state !== 'accepted')
  assert.deepEqual(
    [exhausted.state, (exhausted['error'] as { code: string }).code, exhausted['effect']],
    ['exhausted', 'ReconnectNotHelping', undefined],
  )
  assert.equal(room.armReceived(backend).length, sent)
  const reasons = () =>
    room
      .decisions()
      .flatMap((event) =>
        event['operationId'] === exhausted.id ? [`${String(event['outcome'])} ${String(event['reason'])}`] : [],
      )
  await eventually(() => reasons().includes('exhausted not_helping'))

  const person = await room.reconnect({ backend, body: { properties: { after: 'PT1S' } } })
  assertAccepted(person)
  await until(Date.parse(String(person.headers['x-reconnect-due'])) + 1_001)
  // Alerts share an operation that is exhausted for a minute, so this one comes by another webhook.
  await forwarded(await fire('alertmanager', backend))
})

it('one trace from the alert to the verdict: with the alert, to ARM, and in both audit events', async () => {
  const backend = room.freshBackend()
  const traceId = randomUUID().replaceAll('-', '')
  const [, , , , , , , , service = '', , name = ''] = backend.split('/')
  const body = JSON.stringify({
    version: '4',
    alerts: [{ status: 'firing', labels: { apim_service: service, backend_id: name }, fingerprint: 'f1' }],
  })
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  const posted = await post(room, 'impatient', { headers: { ...SENDERS.impatient, traceparent }, body })
  const id = posted.alerts[0]?.operation as string
  await judged(id, 'not-recovered')
  const [sent] = room.armReceived(backend)
  assert.match(sent?.headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-[0-9a-f]{2}$`))
  await eventually(() => told(id).length > 0)
  const events = room.decisions().filter((event) => event['operationId'] === id)
  assert.deepEqual(
    [...events, ...told(id)].map((event) => [event['event'], String(event['traceparent']).split('-')[1]]),
    [
      ['reconnect.decision', traceId],
      ['reconnect.decision', traceId],
      ['reconnect.effect', traceId],
    ],
  )
})

it('start-up warns of a confirmWithin that is shorter than resolveLag and settle, and of no other', async (t) => {
  const effect = { confirmWithin: 'PT1S', settle: 'PT5S' }
  const short = await startConversation(t, {
    policy: sandboxPolicy({ webhooks: { alertmanager: { ...alertmanager, effect } } }),
    env: { ALERTMANAGER_TOKEN: WEBHOOK_SECRETS.ALERTMANAGER_TOKEN },
  })
  await eventually(() => short.sandbox.output().includes('"name":"webhooks.alertmanager.effect.confirmWithin"'))
  assert.ok(!room.sandbox.output().includes('effect.confirmWithin'))
})
