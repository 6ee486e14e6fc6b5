/**
 * Every shipped example of a sender, driven as its own file says, against the example policy: for a backend that a reconnect heals, and for one
 * that stays broken. The senders are simulated, everything of this app is real, and time is virtual.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { parseIsoDuration } from '../src/domain/duration.ts'
import { effectSettingsOf, isConfirmWithinShort } from '../src/policy/effect-settings.ts'
import { parsePolicy } from '../src/policy/policy-document.ts'
import { PROJECT_ROOT } from '../sandbox/create-sandbox.ts'
import { CALM, createAlertWorld, EXAMPLE_SUBSCRIPTION, type AlertWorld } from './support/alert-world.ts'
import { watch, type Notification, type SenderTimes } from './support/example-senders.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const read = (name: string): string => readFileSync(join(PROJECT_ROOT, name), 'utf8')
const policy = parsePolicy(read('examples/policy.json'))
assert.ok(policy.ok)
const { webhooks, limits } = policy.value
const BACKEND = `/subscriptions/${EXAMPLE_SUBSCRIPTION}/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders`
const SERVICE = BACKEND.slice(0, BACKEND.indexOf('/backends/'))
/** The gateway's own delay, and `after` of the example policy. */
const AFTER_MS = 2 * MINUTE_MS

/** `10m`, as Prometheus and Grafana write it. */
function ms(text: string): number {
  const [, count = '', unit = ''] = /^([0-9]+)(s|m|h)$/.exec(text) ?? assert.fail(text)
  return Number(count) * ({ s: 1_000, m: MINUTE_MS, h: HOUR_MS }[unit] ?? Number.NaN)
}
function isoMs(text: string): number {
  const duration = parseIsoDuration(text)
  assert.ok(duration.ok, text)
  return duration.value.ms
}
/** The window of the one rate() of an expression. */
const windowOf = (expression: string): number => ms(/\[([0-9]+[smh])\]/.exec(expression)?.[1] ?? '')

interface Sender {
  readonly webhook: string
  readonly times: SenderTimes
  readonly payload: (notification: Notification, nth: number) => unknown
}

const at = (epochMs: number): string => new Date(epochMs).toISOString()
function group({ isFiring, startsAtEpochMs, endsAtEpochMs }: Notification): unknown {
  return {
    alerts: [
      {
        status: isFiring ? 'firing' : 'resolved',
        labels: {
          alertname: 'ApimBackendConnectionFailures',
          apim_service: 'apim-prod',
          backend_id: 'orders',
          backend_resource_id: BACKEND,
        },
        startsAt: at(startsAtEpochMs),
        ...(endsAtEpochMs === undefined ? {} : { endsAt: at(endsAtEpochMs) }),
        fingerprint: 'f1',
      },
    ],
  }
}

function alertmanager(): readonly Sender[] {
  const config = parseYaml(read('examples/alertmanager.yml')) as {
    route: { routes: { receiver: string; group_wait: string; group_interval: string; repeat_interval: string }[] }
    receivers: { name: string; webhook_configs?: { send_resolved: boolean }[] }[]
  }
  const rules = parseYaml(read('examples/prometheus-rules.yml')) as {
    groups: { interval: string; rules: { expr: string; for: string }[] }[]
  }
  const [route] = config.route.routes
  const [rule] = rules.groups[0]?.rules ?? []
  assert.ok(route && rule && rules.groups[0])
  const receiver = config.receivers.find(({ name }) => name === route.receiver)
  return [
    {
      webhook: 'alertmanager',
      times: {
        evaluatesEveryMs: ms(rules.groups[0].interval),
        windowMs: windowOf(rule.expr),
        forMs: ms(rule.for),
        groupWaitMs: ms(route.group_wait),
        groupIntervalMs: ms(route.group_interval),
        repeatMs: ms(route.repeat_interval),
        sendsResolved: receiver?.webhook_configs?.[0]?.send_resolved === true,
        resolvesAfterMs: 0,
      },
      payload: group,
    },
  ]
}

function grafana(): readonly Sender[] {
  interface Rule {
    readonly for: string
    readonly data: readonly { readonly model: { readonly expr: string } }[]
    readonly notification_settings: {
      readonly receiver: string
      readonly group_wait: string
      readonly group_interval: string
      readonly repeat_interval: string
    }
  }
  const { contactPoints, groups } = parseYaml(read('examples/grafana-contact-point.yaml')) as {
    contactPoints: { name: string; receivers: { disableResolveMessage: boolean }[] }[]
    groups: { interval: string; rules: Rule[] }[]
  }
  const [rule] = groups[0]?.rules ?? []
  assert.ok(rule && groups[0])
  const settings = rule.notification_settings
  const receiver = contactPoints.find(({ name }) => name === settings.receiver)?.receivers[0]
  assert.ok(receiver)
  return [
    {
      webhook: 'grafana',
      times: {
        evaluatesEveryMs: ms(groups[0].interval),
        windowMs: windowOf(rule.data[0]?.model.expr ?? ''),
        forMs: ms(rule.for),
        groupWaitMs: ms(settings.group_wait),
        groupIntervalMs: ms(settings.group_interval),
        repeatMs: ms(settings.repeat_interval),
        sendsResolved: !receiver.disableResolveMessage,
        resolvesAfterMs: 0,
      },
      payload: group,
    },
  ]
}

/** The rules of the template, read as text: what the compiler makes of it is tested in test/infra. */
function azureMonitor(): readonly Sender[] {
  const bicep = read('infra/modules/backend-alert.bicep')
  const rules = bicep
    .split(/^resource /m)
    .slice(1)
    .filter((resource) => resource.includes('scheduledQueryRules'))
  assert.equal(rules.length, 2)
  return rules.map((rule) => {
    const text = (name: string): string | undefined =>
      new RegExp(`^    ${name}: '?([A-Za-z0-9]+)'?$`, 'm').exec(rule)?.[1]
    const everyMs = isoMs(text('evaluationFrequency') ?? '')
    const periods = Number(/numberOfEvaluationPeriods: ([0-9]+)/.exec(rule)?.[1])
    const isStateful = text('autoMitigate') === 'true'
    const muted = text('muteActionsDuration')
    const name = /displayName: '([^']+)'/.exec(rule)?.[1] ?? ''
    return {
      webhook: rule.includes('toReconnectAgain.id') ? 'azure-monitor-repeat' : 'azure-monitor',
      times: {
        evaluatesEveryMs: everyMs,
        windowMs: isoMs(text('windowSize') ?? ''),
        forMs: (periods - 1) * everyMs,
        groupWaitMs: 0,
        groupIntervalMs: MINUTE_MS,
        // A stateful rule fires once. A stateless one fires at each evaluation that is not muted.
        ...(isStateful ? {} : { repeatMs: isoMs(muted ?? 'PT5M') }),
        sendsResolved: isStateful,
        // "Create or edit a log search alert rule": resolved when three evaluations of five minutes were healthy.
        resolvesAfterMs: 3 * everyMs,
      },
      payload: ({ isFiring, startsAtEpochMs, endsAtEpochMs }: Notification, nth: number) => ({
        schemaId: 'azureMonitorCommonAlertSchema',
        data: {
          essentials: {
            alertId: `/alerts/${name}-${isStateful ? 0 : nth}`,
            alertRule: name,
            monitorCondition: isFiring ? 'Fired' : 'Resolved',
            // Each firing of a stateless rule is an alert of its own.
            ...(isStateful ? { firedDateTime: at(startsAtEpochMs) } : {}),
            ...(endsAtEpochMs === undefined ? {} : { resolvedDateTime: at(endsAtEpochMs) }),
          },
          alertContext: {
            condition: {
              allOf: [
                {
                  dimensions: [
                    { name: '_ResourceId', value: SERVICE.toLowerCase() },
                    { name: 'BackendId', value: 'orders' },
                  ],
                },
              ],
            },
          },
        },
      }),
    }
  })
}

async function live(senders: readonly Sender[], heals: boolean): Promise<AlertWorld> {
  const world = createAlertWorld(1, {
    ...CALM,
    webhooks: Object.fromEntries(webhooks.map((webhook) => [webhook.name, webhook])),
    limit: limits.perBackend.count,
    notHelping: limits.notHelping.count,
  })
  for (const { webhook, times, payload } of senders) {
    let told = 0
    watch(world, times, { heals, untilMs: 2 * HOUR_MS, afterMs: AFTER_MS }, (notification) => {
      const body = payload(notification, told++)
      world.tell(webhook, 0, () => body)
    })
  }
  await world.simulation.run()
  assert.deepEqual(world.defects, [])
  return world
}

const EXAMPLES = {
  'alertmanager.yml and prometheus-rules.yml': alertmanager(),
  'grafana-contact-point.yaml': grafana(),
  'infra/modules/backend-alert.bicep': azureMonitor(),
}

for (const [name, senders] of Object.entries(EXAMPLES))
  describe(name, () => {
    it('a reconnect that heals the backend is sent once, and is recovered', async () => {
      const { posts, verdicts } = await live(senders, true)
      assert.equal(posts.length, 1)
      assert.deepEqual(
        verdicts.map(({ decided }) => decided.effect.verdict),
        ['recovered'],
      )
    })

    it('a backend that stays broken is exhausted within the hour, and nothing more is sent', async () => {
      const { posts, events, verdicts, simulation } = await live(senders, false)
      const first = events.find(({ outcome }) => outcome === 'exhausted')
      assert.equal(first?.failure?.reason, 'not_helping')
      const firstAt = Date.parse(first?.operation?.updatedAt ?? '')
      const began = posts[0]?.atEpochMs ?? Number.NaN
      assert.ok(firstAt - began < HOUR_MS, `exhausted after ${(firstAt - began) / MINUTE_MS} minutes`)
      assert.ok(simulation.now() > firstAt)
      assert.equal(posts.length, limits.notHelping.count)
      assert.ok(verdicts.every(({ decided }) => decided.effect.verdict === 'not-recovered'))
    })
  })

describe('infra/event-grid.bicep', () => {
  /** The example of "Backends in API Management": a breaker that is open for a minute. Traffic opens it again while the backend is broken. */
  const TRIP_MS = MINUTE_MS
  const NEXT_FAILURE_MS = 5_000

  async function breaker(heals: boolean): Promise<AlertWorld> {
    const included = read('infra/event-grid.bicep')
    const world = createAlertWorld(1, {
      ...CALM,
      webhooks: Object.fromEntries(webhooks.map((webhook) => [webhook.name, webhook])),
      limit: limits.perBackend.count,
      notHelping: limits.notHelping.count,
    })
    const { simulation } = world
    const send = (type: 'Opened' | 'Closed'): void => {
      const name = `Microsoft.ApiManagement.CircuitBreaker.${type}`
      const event = { id: `${type}-${simulation.now()}`, type: name, source: SERVICE, subject: '/backends/orders' }
      const body = { specversion: '1.0', ...event, time: at(simulation.now()), data: { backendName: 'orders' } }
      if (included.includes(`'${name}'`)) world.tell('event-grid', 0, () => body)
    }
    const isBroken = (): boolean => {
      const [first] = world.posts
      return !heals || first === undefined || simulation.now() < first.atEpochMs + AFTER_MS
    }
    const ends = simulation.now() + HOUR_MS
    function fail(): void {
      if (!isBroken() || simulation.now() > ends) return
      send('Opened')
      simulation.after(TRIP_MS, () => {
        send('Closed')
        simulation.after(NEXT_FAILURE_MS, fail)
      })
    }
    fail()
    await simulation.run()
    assert.deepEqual(world.defects, [])
    return world
  }

  it('a reconnect that heals the backend is recovered by quiet', async () => {
    const { verdicts } = await breaker(true)
    const [last] = verdicts.slice(-1)
    assert.equal(last?.decided.effect.verdict, 'recovered')
    assert.equal(last?.decided.effect.evidence.at(-1)?.kind, 'quiet')
  })

  it('a backend that stays broken is exhausted within the hour', async () => {
    const { events, verdicts } = await breaker(false)
    assert.ok(events.some(({ outcome }) => outcome === 'exhausted'))
    assert.ok(verdicts.every(({ decided }) => ['not-recovered', 'unknown'].includes(decided.effect.verdict)))
  })
})

it('without send_resolved, a reconnect that heals would be judged as if it had not', async () => {
  const silent = alertmanager().map((sender) => ({ ...sender, times: { ...sender.times, sendsResolved: false } }))
  const { verdicts } = await live(silent, true)
  assert.deepEqual(
    verdicts.map(({ decided }) => decided.effect.verdict),
    ['not-recovered'],
  )
})

it('the example policy leaves time to confirm: resolveLag and settle fit into confirmWithin', () => {
  assert.deepEqual(
    webhooks.filter((webhook) => isConfirmWithinShort(effectSettingsOf(webhook))),
    [],
  )
})
