import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Alert } from '../../../src/alerts/alert.ts'
import { readAlerts, type AlertFormat } from '../../../src/alerts/read-alerts.ts'
import { PROJECT_ROOT } from '../../../sandbox/create-sandbox.ts'
import {
  ALERTMANAGER,
  AZURE_MONITOR,
  EVENT_GRID,
  GENERIC,
  GRAFANA,
  PAYLOADS,
  SERVICE,
} from '../../fixtures/alerts/index.ts'

const FORMATS: readonly AlertFormat[] = ['azure-monitor', 'alertmanager', 'grafana', 'event-grid', 'generic']

function alertsOf(format: AlertFormat, payload: unknown): readonly Alert[] {
  const reading = readAlerts(format, payload)
  assert.ok(reading.ok && reading.value.kind === 'alerts', JSON.stringify(reading))
  return reading.value.alerts
}
const onlyOne = (format: AlertFormat, payload: unknown): Alert => {
  const [alert, ...more] = alertsOf(format, payload)
  assert.ok(alert !== undefined && more.length === 0)
  return alert
}
const attributes = (alert: Alert): Record<string, string> => Object.fromEntries(alert.attributes)
function malformed(format: AlertFormat, payload: unknown): string {
  const reading = readAlerts(format, payload)
  assert.ok(!reading.ok && reading.error.kind === 'malformed', JSON.stringify(reading))
  return reading.error.expectation
}

describe('azure-monitor', () => {
  const essentials = {
    alertRule: 'apim-backend-failures',
    severity: 'Sev1',
    signalType: 'Log',
    monitoringService: 'Log Alerts V2',
  }

  it('a log alert split by _ResourceId and BackendId: the rule of the README', () => {
    const alert = onlyOne('azure-monitor', AZURE_MONITOR.logSplit)
    assert.equal(alert.firing, true)
    assert.deepEqual(attributes(alert), {
      ...essentials,
      resourceId: SERVICE.toLowerCase(),
      _ResourceId: SERVICE.toLowerCase(),
      BackendId: 'orders',
      'customProperties.team': 'integration',
      'customProperties.Tier': '2',
    })
    assert.match(alert.alertId ?? '', /alerts\/0b1f6471-/)
    assert.equal(alert.alertRule, 'apim-backend-failures')
  })

  it('a metric alert: resourceId from alertTargetIDs, custom properties, empty ones left out', () => {
    assert.deepEqual(attributes(onlyOne('azure-monitor', AZURE_MONITOR.metric)), {
      ...essentials,
      severity: 'Sev3',
      signalType: 'Metric',
      monitoringService: 'Platform',
      resourceId: SERVICE,
      Location: 'West Europe',
      'customProperties.backend': 'orders',
    })
  })

  it('null dimensions are none; resourceId from configurationItems', () => {
    assert.deepEqual(attributes(onlyOne('azure-monitor', AZURE_MONITOR.metricNullDimensions)), {
      ...essentials,
      signalType: 'Metric',
      resourceId: SERVICE.toLowerCase(),
    })
  })

  it('several conditions: the first value of a name stays', () => {
    const { BackendId, Region } = attributes(onlyOne('azure-monitor', AZURE_MONITOR.twoConditions))
    assert.deepEqual([BackendId, Region], ['first', 'eu'])
  })

  it('log alerts of version 1 have theirs at the top, with a capital letter', () => {
    const { BackendId, resourceId } = attributes(onlyOne('azure-monitor', AZURE_MONITOR.logVersion1))
    assert.deepEqual([BackendId, resourceId], ['orders', SERVICE.toLowerCase()])
  })

  it('properties of an event are no custom properties', () => {
    for (const payload of [AZURE_MONITOR.activityLog, AZURE_MONITOR.resourceHealth]) {
      const names = Object.keys(attributes(onlyOne('azure-monitor', payload)))
      assert.deepEqual(names, ['alertRule', 'severity', 'signalType', 'monitoringService', 'resourceId'])
    }
  })

  it('members that are null are absent', () => {
    assert.deepEqual(attributes(onlyOne('azure-monitor', AZURE_MONITOR.budget)), { monitoringService: 'CostAlerts' })
    assert.equal(onlyOne('azure-monitor', AZURE_MONITOR.budget).alertRule, undefined)
  })

  it('Managed Prometheus: labels by name, annotations; none takes the place of the alert’s own', () => {
    const read = attributes(onlyOne('azure-monitor', AZURE_MONITOR.prometheus))
    assert.deepEqual(
      [read['backend_id'], read['annotations.summary'], read['alertRule']],
      ['orders', 'down', 'apim-backend-failures'],
    )
  })

  it('only Fired fires, in any case', () => {
    assert.equal(onlyOne('azure-monitor', AZURE_MONITOR.resolved).firing, false)
    for (const [condition, firing] of [
      ['fired', true],
      ['FIRED', true],
      ['Acknowledged', false],
      [null, false],
      [1, false],
    ] as const) {
      const payload = structuredClone(AZURE_MONITOR.logSplit) as { data: { essentials: Record<string, unknown> } }
      payload.data.essentials['monitorCondition'] = condition
      assert.equal(onlyOne('azure-monitor', payload).firing, firing, String(condition))
    }
  })

  it('other schemas are malformed, and the expectation says what to switch on', () => {
    for (const payload of [
      AZURE_MONITOR.legacyMetric,
      AZURE_MONITOR.legacyLog,
      { schemaId: 'azureMonitorCommonAlertSchema' },
      { schemaId: 'azureMonitorCommonAlertSchema', data: { essentials: [] } },
      null,
      [],
    ]) {
      assert.match(malformed('azure-monitor', payload), /common alert schema/)
    }
  })

  it('a resource below a service, or of another provider, is no service', () => {
    const payload = structuredClone(AZURE_MONITOR.metric) as { data: { essentials: Record<string, unknown> } }
    payload.data.essentials['alertTargetIDs'] = [`${SERVICE}/apis/a`, '/subscriptions/x', 7, null]
    payload.data.essentials['configurationItems'] = 'apim-prod'
    assert.equal(attributes(onlyOne('azure-monitor', payload))['resourceId'], undefined)
  })
})

describe('alertmanager and grafana', () => {
  it('labels by their names, annotations, the rule, an id of fingerprint and start', () => {
    const alert = onlyOne('alertmanager', ALERTMANAGER.single)
    assert.deepEqual(attributes(alert), {
      alertname: 'ApimBackendDown',
      apim_service: 'apim-prod',
      backend_id: 'orders',
      severity: 'critical',
      'annotations.summary': 'orders is down & out',
      'annotations.runbook_url': 'https://runbooks.contoso.example',
    })
    assert.deepEqual(
      [alert.firing, alert.alertRule, alert.alertId],
      [true, 'ApimBackendDown', '550d3361245c8508/2026-11-22T18:40:52.70429381Z'],
    )
  })

  it('each alert by its own status, never by that of the group', () => {
    assert.deepEqual(
      alertsOf('alertmanager', ALERTMANAGER.mixed).map(({ firing }) => firing),
      [false, true, true],
    )
    assert.deepEqual(
      alertsOf('alertmanager', ALERTMANAGER.truncated).map(({ firing }) => firing),
      [false],
    )
    assert.deepEqual(
      alertsOf('alertmanager', { ...ALERTMANAGER.single, status: 'resolved' }).map(({ firing }) => firing),
      [true],
    )
  })

  it('no annotations, no alerts, no labels, no status: nothing breaks', () => {
    assert.equal(onlyOne('alertmanager', ALERTMANAGER.withoutAnnotations).attributes.size, 4)
    assert.deepEqual(alertsOf('alertmanager', ALERTMANAGER.empty), [])
    assert.deepEqual(onlyOne('alertmanager', { alerts: [{}] }), { firing: false, attributes: new Map() })
  })

  it('grafana: two that fire, and the test button', () => {
    assert.deepEqual(
      alertsOf('grafana', GRAFANA.firing).map(({ attributes: read }) => read.get('backend_resource_id')),
      [`${SERVICE}/backends/orders`, `${SERVICE}/backends/payments`],
    )
    assert.equal(onlyOne('grafana', GRAFANA.testButton).attributes.get('alertname'), 'TestAlert')
  })

  it('without a list of alerts it is another payload', () => {
    for (const payload of [{}, [], null, 'x', { alerts: {} }, { alerts: ['x'] }, { alerts: [null] }]) {
      assert.match(malformed('alertmanager', payload), /Alertmanager/)
      assert.match(malformed('grafana', payload), /Grafana/)
    }
  })
})

describe('event-grid', () => {
  it('CloudEvents, one or a batch: type, subject, resourceId, BackendId, data', () => {
    const alert = onlyOne('event-grid', EVENT_GRID.cloudEvent)
    assert.deepEqual(attributes(alert), {
      type: 'Microsoft.ApiManagement.CircuitBreaker.Opened',
      subject: '/backends/orders',
      resourceId: SERVICE,
      BackendId: 'orders',
      'data.backendName': 'orders',
      'data.circuitBreaker.rules.on-5xx.count': '3',
    })
    assert.deepEqual([alert.firing, alert.alertId], [true, 'e1'])
    assert.equal(alertsOf('event-grid', [EVENT_GRID.cloudEvent, EVENT_GRID.cloudEvent]).length, 2)
    assert.equal(onlyOne('event-grid', EVENT_GRID.capitals).firing, true)
  })

  it('the Event Grid schema: topic for source, the backend from the subject where data has none', () => {
    const alert = onlyOne('event-grid', EVENT_GRID.gridEvent)
    assert.deepEqual(
      [alert.firing, alert.attributes.get('resourceId'), alert.attributes.get('BackendId')],
      [true, SERVICE, 'orders'],
    )
  })

  it('what has closed, or is another event, does not fire', () => {
    for (const payload of [EVENT_GRID.closed, EVENT_GRID.otherType])
      assert.equal(onlyOne('event-grid', payload).firing, false)
  })

  it('the validation event is a handshake', () => {
    assert.deepEqual(readAlerts('event-grid', EVENT_GRID.validation), {
      ok: true,
      value: { kind: 'validation', code: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' },
    })
    for (const validationCode of [undefined, '', 7, 'a\nb', 'x'.repeat(300)])
      malformed('event-grid', [{ ...EVENT_GRID.validation[0], data: { validationCode } }])
  })

  it('what has no type is no event', () => {
    for (const payload of [{}, [], [{}], null, 'x', [EVENT_GRID.cloudEvent, 1]]) malformed('event-grid', payload)
  })
})

describe('generic', () => {
  it('each backend is an alert, once; after, reason and id are those of all', () => {
    const alerts = alertsOf('generic', GENERIC.full)
    assert.deepEqual(
      alerts.map(({ firing, backend, after, alertId, attributes: read }) => ({
        firing,
        backend,
        after: after?.text,
        alertId,
        reason: read.get('reason'),
      })),
      ['orders', 'payments'].map((id) => ({
        firing: true,
        backend: `${SERVICE}/backends/${id}`,
        after: 'PT5M',
        alertId: 'run-17',
        reason: 'failover',
      })),
    )
    assert.equal(onlyOne('generic', GENERIC.plain).after, undefined)
  })

  it('another shape, or an after that is none, is malformed', () => {
    for (const payload of [
      {},
      { backends: 'x' },
      { backends: [1] },
      { backends: [], after: 'soon' },
      { backends: [], after: 'PT25H' },
      { backends: [], after: 5 },
      [],
      null,
    ])
      malformed('generic', payload)
  })
})

describe('limits', () => {
  it('500 alerts are read, 501 are too many', () => {
    const alerts = (count: number) => ({
      alerts: Array.from({ length: count }, () => ({ status: 'firing', labels: {} })),
    })
    assert.equal(alertsOf('alertmanager', alerts(500)).length, 500)
    assert.deepEqual(readAlerts('alertmanager', alerts(501)), { ok: false, error: { kind: 'too_many', limit: 500 } })
  })

  it('ids and names are cut', () => {
    const alert = onlyOne('alertmanager', {
      alerts: [{ status: 'firing', labels: { alertname: 'a'.repeat(1_000) }, fingerprint: 'f'.repeat(1_000) }],
    })
    assert.deepEqual([alert.alertRule?.length, alert.alertId?.length], [256, 256])
  })
})

describe('whatever comes', () => {
  it('no JSON value throws, in any format', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), fc.jsonValue(), (format, payload) => void readAlerts(format, payload)),
      { numRuns: 1_000 },
    )
  })

  it('no change of a real payload throws, and attributes are texts that are not empty', () => {
    const path = fc.array(fc.nat(), { maxLength: 6 })
    fc.assert(
      fc.property(fc.constantFrom(...PAYLOADS), path, fc.jsonValue(), ([format, , payload], steps, value) => {
        const reading = readAlerts(format, replaceAt(payload, steps, value))
        if (!reading.ok || reading.value.kind !== 'alerts') return
        for (const alert of reading.value.alerts)
          for (const text of alert.attributes.values()) assert.ok(typeof text === 'string' && text !== '')
      }),
      { numRuns: 2_000 },
    )
  })

  it('__proto__ and constructor are names like any other', () => {
    const payload = JSON.parse(
      '{"alerts":[{"status":"firing","labels":{"__proto__":"p","constructor":"c"},"__proto__":{"status":"resolved"}}]}',
    ) as unknown
    const alert = onlyOne('alertmanager', payload)
    assert.deepEqual(
      [alert.firing, alert.attributes.get('__proto__'), alert.attributes.get('constructor')],
      [true, 'p', 'c'],
    )
  })
})

/** The value at this path, or as far along it as there is one, replaced. */
function replaceAt(value: unknown, [step, ...rest]: readonly number[], replacement: unknown): unknown {
  if (step === undefined || typeof value !== 'object' || value === null) return replacement
  const keys = Object.keys(value)
  if (keys.length === 0) return replacement
  const key = keys[step % keys.length] as string
  const changed = {
    ...(value as Record<string, unknown>),
    [key]: replaceAt((value as Record<string, unknown>)[key], rest, replacement),
  }
  return Array.isArray(value) ? Object.values(changed) : changed
}

/** Samples that are not this project's, where they lie beside it. */
const SAMPLES = join(PROJECT_ROOT, '../shared/azure')
describe(`documented and recorded samples${existsSync(SAMPLES) ? '' : ' (not here)'}`, () => {
  const files = (folder: string): readonly string[] =>
    existsSync(join(SAMPLES, folder))
      ? readdirSync(join(SAMPLES, folder))
          .filter((name) => name.endsWith('.json'))
          .map((name) => join(SAMPLES, folder, name))
      : []
  for (const [folder, format] of [
    ['azure-monitor', 'azure-monitor'],
    ['alertmanager', 'alertmanager'],
    ['grafana', 'grafana'],
  ] as const) {
    for (const file of files(folder)) {
      it(file.slice(SAMPLES.length + 1), () => {
        const sample = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
        if ('vectors' in sample) return
        // Fragments of the documentation are contexts without the essentials around them.
        const payload =
          folder === 'azure-monitor' && 'alertContext' in sample
            ? {
                schemaId: 'azureMonitorCommonAlertSchema',
                data: { essentials: { monitorCondition: 'Fired' }, ...sample },
              }
            : sample
        const reading = readAlerts(format, payload)
        assert.equal(reading.ok, !/\/legacy-/.test(file))
        if (!reading.ok || reading.value.kind !== 'alerts') return
        const sayTheyFire =
          JSON.stringify(payload).match(/"(?:monitorCondition|status)":"(?:Fired|firing)"/g)?.length ?? 0
        const firing = reading.value.alerts.filter((alert) => alert.firing).length
        assert.ok(firing <= sayTheyFire && reading.value.alerts.length >= 1)
      })
    }
  }
})

it('names that are too long are no attributes, and thousands of them that begin alike cost nothing', () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [String(index).padStart(5, '0'), 1]))
  const event = { id: '1', type: 'x', data: { ['k'.repeat(20_000)]: many, short: 'kept' } }
  const reading = readAlerts('event-grid', event)
  assert.ok(reading.ok && reading.value.kind === 'alerts')
  const [alert] = reading.value.alerts
  assert.equal(alert?.attributes.get('data.short'), 'kept')
  assert.ok((alert?.attributes.size ?? 0) < 10)
})

it('a validation event among others hides none of them', () => {
  const validation = {
    id: '1',
    eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
    data: { validationCode: 'c' },
  }
  const reading = readAlerts('event-grid', [
    validation,
    { id: '2', type: 'Microsoft.ApiManagement.CircuitBreaker.Opened', data: {} },
  ])
  assert.ok(reading.ok && reading.value.kind === 'alerts')
  assert.deepEqual(
    reading.value.alerts.map(({ firing }) => firing),
    [false, true],
  )
})
