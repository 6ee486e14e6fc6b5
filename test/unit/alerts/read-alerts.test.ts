import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { isFiring, type Alert } from '../../../src/alerts/alert.ts'
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

  it('reads a log alert that is split by _ResourceId and BackendId, as the README tells to', () => {
    const alert = onlyOne('azure-monitor', AZURE_MONITOR.logSplit)
    assert.equal(alert.condition, 'firing')
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

  it('takes resourceId of a metric alert from alertTargetIDs, and custom properties that are not empty', () => {
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

  it('takes dimensions that are null as none, and resourceId from configurationItems', () => {
    assert.deepEqual(attributes(onlyOne('azure-monitor', AZURE_MONITOR.metricNullDimensions)), {
      ...essentials,
      signalType: 'Metric',
      resourceId: SERVICE.toLowerCase(),
    })
  })

  it('keeps the first value of a dimension that several conditions have', () => {
    const { BackendId, Region } = attributes(onlyOne('azure-monitor', AZURE_MONITOR.twoConditions))
    assert.deepEqual([BackendId, Region], ['first', 'eu'])
  })

  it('reads the dimensions of log alerts of version 1, which are spelled with a capital letter', () => {
    const { BackendId, resourceId } = attributes(onlyOne('azure-monitor', AZURE_MONITOR.logVersion1))
    assert.deepEqual([BackendId, resourceId], ['orders', SERVICE.toLowerCase()])
  })

  it('takes the properties of an activity log or resource health event for no custom properties', () => {
    for (const payload of [AZURE_MONITOR.activityLog, AZURE_MONITOR.resourceHealth]) {
      const names = Object.keys(attributes(onlyOne('azure-monitor', payload)))
      assert.deepEqual(names, ['alertRule', 'severity', 'signalType', 'monitoringService', 'resourceId'])
    }
  })

  it('takes members that are null as absent', () => {
    assert.deepEqual(attributes(onlyOne('azure-monitor', AZURE_MONITOR.budget)), { monitoringService: 'CostAlerts' })
    assert.equal(onlyOne('azure-monitor', AZURE_MONITOR.budget).alertRule, undefined)
  })

  it('reads labels and annotations of Managed Prometheus, which do not replace the alert’s own attributes', () => {
    const read = attributes(onlyOne('azure-monitor', AZURE_MONITOR.prometheus))
    assert.deepEqual(
      [read['backend_id'], read['annotations.summary'], read['alertRule']],
      ['orders', 'down', 'apim-backend-failures'],
    )
  })

  it('fires only when monitorCondition is Fired, in any letter case', () => {
    assert.equal(onlyOne('azure-monitor', AZURE_MONITOR.resolved).condition, 'resolved')
    for (const { given, condition } of [
      { given: 'fired', condition: 'firing' },
      { given: 'FIRED', condition: 'firing' },
      { given: 'RESOLVED', condition: 'resolved' },
      { given: 'Acknowledged', condition: 'other' },
      { given: null, condition: 'other' },
      { given: 1, condition: 'other' },
    ]) {
      const payload = structuredClone(AZURE_MONITOR.logSplit) as { data: { essentials: Record<string, unknown> } }
      payload.data.essentials['monitorCondition'] = given
      assert.equal(onlyOne('azure-monitor', payload).condition, condition, String(given))
    }
  })

  it('refuses other schemas, and the expectation names the setting to enable', () => {
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

  it('takes neither a resource below a service nor another provider’s for the service', () => {
    const payload = structuredClone(AZURE_MONITOR.metric) as { data: { essentials: Record<string, unknown> } }
    payload.data.essentials['alertTargetIDs'] = [`${SERVICE}/apis/a`, '/subscriptions/x', 7, null]
    payload.data.essentials['configurationItems'] = 'apim-prod'
    assert.equal(attributes(onlyOne('azure-monitor', payload))['resourceId'], undefined)
  })
})

describe('alertmanager and grafana', () => {
  it('have labels by their names, annotations, the rule, and an id of fingerprint and start', () => {
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
      [alert.condition, alert.alertRule, alert.alertId],
      ['firing', 'ApimBackendDown', '550d3361245c8508/2026-11-22T18:40:52.70429381Z'],
    )
  })

  it('are read by the status of each alert, never by that of the group', () => {
    assert.deepEqual(alertsOf('alertmanager', ALERTMANAGER.mixed).map(isFiring), [false, true, true])
    assert.deepEqual(alertsOf('alertmanager', ALERTMANAGER.truncated).map(isFiring), [false])
    assert.deepEqual(alertsOf('alertmanager', { ...ALERTMANAGER.single, status: 'resolved' }).map(isFiring), [true])
  })

  it('may lack annotations, alerts, labels and status', () => {
    assert.equal(onlyOne('alertmanager', ALERTMANAGER.withoutAnnotations).attributes.size, 4)
    assert.deepEqual(alertsOf('alertmanager', ALERTMANAGER.empty), [])
    assert.deepEqual(onlyOne('alertmanager', { alerts: [{}] }), { condition: 'other', attributes: new Map() })
  })

  it('of Grafana: two that fire, and the one of the test button', () => {
    assert.deepEqual(
      alertsOf('grafana', GRAFANA.firing).map(({ attributes: read }) => read.get('backend_resource_id')),
      [`${SERVICE}/backends/orders`, `${SERVICE}/backends/payments`],
    )
    assert.equal(onlyOne('grafana', GRAFANA.testButton).attributes.get('alertname'), 'TestAlert')
  })

  it('without a list of alerts the payload is malformed', () => {
    for (const payload of [{}, [], null, 'x', { alerts: {} }, { alerts: ['x'] }, { alerts: [null] }]) {
      assert.match(malformed('alertmanager', payload), /Alertmanager/)
      assert.match(malformed('grafana', payload), /Grafana/)
    }
  })
})

describe('event-grid', () => {
  it('reads CloudEvents, one or a batch: type, subject, resourceId, BackendId and the flat members of data', () => {
    const alert = onlyOne('event-grid', EVENT_GRID.cloudEvent)
    assert.deepEqual(attributes(alert), {
      type: 'Microsoft.ApiManagement.CircuitBreaker.Opened',
      subject: '/backends/orders',
      resourceId: SERVICE,
      BackendId: 'orders',
      'data.backendName': 'orders',
    })
    assert.deepEqual([alert.condition, alert.alertId], ['firing', 'e1'])
    assert.equal(alertsOf('event-grid', [EVENT_GRID.cloudEvent, EVENT_GRID.cloudEvent]).length, 2)
    assert.equal(onlyOne('event-grid', EVENT_GRID.capitals).condition, 'firing')
  })

  it('reads the Event Grid schema: topic for source, and the backend from the subject if data has none', () => {
    const alert = onlyOne('event-grid', EVENT_GRID.gridEvent)
    assert.deepEqual(
      [alert.condition, alert.attributes.get('resourceId'), alert.attributes.get('BackendId')],
      ['firing', SERVICE, 'orders'],
    )
  })

  it('knows that a breaker has closed, which neither fires nor proves a recovery', () => {
    assert.equal(onlyOne('event-grid', EVENT_GRID.closed).condition, 'closed')
  })

  it('does not fire for another type of event', () => {
    assert.equal(onlyOne('event-grid', EVENT_GRID.otherType).condition, 'other')
  })

  it('reads the validation event as a handshake', () => {
    assert.deepEqual(readAlerts('event-grid', EVENT_GRID.validation), {
      ok: true,
      value: { kind: 'validation', code: '512d38b6-c7b8-40c8-89fe-f46f9e9622b6' },
    })
    for (const validationCode of [undefined, '', 7, 'a\nb', 'x'.repeat(300)])
      malformed('event-grid', [{ ...EVENT_GRID.validation[0], data: { validationCode } }])
  })

  it('refuses what has no type', () => {
    for (const payload of [{}, [], [{}], null, 'x', [EVENT_GRID.cloudEvent, 1]]) malformed('event-grid', payload)
  })
})

describe('generic', () => {
  it('gives one alert per distinct backend, all with the same after, reason and id', () => {
    const alerts = alertsOf('generic', GENERIC.full)
    assert.deepEqual(
      alerts.map(({ condition, backend, after, alertId, attributes: read }) => ({
        condition,
        backend,
        after: after?.text,
        alertId,
        reason: read.get('reason'),
      })),
      ['orders', 'payments'].map((id) => ({
        condition: 'firing',
        backend: `${SERVICE}/backends/${id}`,
        after: 'PT5M',
        alertId: 'run-17',
        reason: 'failover',
      })),
    )
    assert.equal(onlyOne('generic', GENERIC.plain).after, undefined)
  })

  it('is malformed in another shape or with a bad after', () => {
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

  it('ids and names of rules are shortened to 256 characters', () => {
    const alert = onlyOne('alertmanager', {
      alerts: [{ status: 'firing', labels: { alertname: 'a'.repeat(1_000) }, fingerprint: 'f'.repeat(1_000) }],
    })
    assert.deepEqual([alert.alertRule?.length, alert.alertId?.length], [256, 256])
  })
})

describe('every format', () => {
  it('reads or refuses any JSON value without an exception', () => {
    fc.assert(
      fc.property(fc.constantFrom(...FORMATS), fc.jsonValue(), (format, payload) => void readAlerts(format, payload)),
      { numRuns: 1_000 },
    )
  })

  it('reads or refuses any changed payload without an exception, and gives no empty attribute', () => {
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

  it('takes __proto__ and constructor for names like any other', () => {
    const payload = JSON.parse(
      '{"alerts":[{"status":"firing","labels":{"__proto__":"p","constructor":"c"},"__proto__":{"status":"resolved"}}]}',
    ) as unknown
    const alert = onlyOne('alertmanager', payload)
    assert.deepEqual(
      [alert.condition, alert.attributes.get('__proto__'), alert.attributes.get('constructor')],
      ['firing', 'p', 'c'],
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
        const firing = reading.value.alerts.filter(isFiring).length
        assert.ok(firing <= sayTheyFire && reading.value.alerts.length >= 1)
      })
    }
  }
})

it('a name of 256 characters with its prefix is an attribute, and a longer one is not', () => {
  const atLimit = 'k'.repeat(256 - 'data.'.length)
  const alert = onlyOne('event-grid', { id: '1', type: 'x', data: { [atLimit]: 'kept', [`${atLimit}k`]: 'dropped' } })
  assert.deepEqual(Object.keys(attributes(alert)), ['type', `data.${atLimit}`])
})

describe('facts for the record', () => {
  it('Azure Monitor: the alert id is the identity in any letter case, with the times of firing and resolving', () => {
    const fired = onlyOne('azure-monitor', AZURE_MONITOR.logSplit)
    const resolved = structuredClone(AZURE_MONITOR.resolved) as { data: { essentials: { alertId: string } } }
    resolved.data.essentials.alertId = resolved.data.essentials.alertId.toUpperCase()
    const later = onlyOne('azure-monitor', resolved)
    assert.match(fired.identity ?? '', /\/alerts\/0b1f6471-1bf0-4dda-aec3-111122223333$/)
    assert.equal(later.identity, fired.identity)
    assert.equal(fired.startedAtEpochMs, Date.UTC(2026, 10, 22, 18, 40, 52, 704))
    assert.equal(fired.endedAtEpochMs, undefined)
    assert.equal(later.endedAtEpochMs, Date.UTC(2026, 10, 22, 19, 0, 0))
  })

  it('Alertmanager and Grafana: the fingerprint is the identity, and an alert that fires has no end', () => {
    const [resolved] = alertsOf('alertmanager', ALERTMANAGER.mixed)
    for (const alert of [onlyOne('alertmanager', ALERTMANAGER.single), onlyOne('grafana', GRAFANA.testButton)]) {
      assert.equal(alert.identity, '550d3361245c8508')
      assert.equal(alert.startedAtEpochMs, Date.UTC(2026, 10, 22, 18, 40, 52, 704))
      assert.equal(alert.endedAtEpochMs, undefined)
    }
    assert.equal(resolved?.identity, '550d3361245c8508')
    assert.equal(resolved.endedAtEpochMs, Date.UTC(2026, 10, 22, 18, 40, 56, 721))
  })

  it('Event Grid: the time of the event is the start of an opened breaker and the end of a closed one', () => {
    const time = Date.UTC(2026, 10, 22, 18, 40, 52)
    for (const payload of [EVENT_GRID.cloudEvent, EVENT_GRID.capitals, EVENT_GRID.gridEvent]) {
      const { startedAtEpochMs, endedAtEpochMs, identity } = onlyOne('event-grid', payload)
      assert.deepEqual([startedAtEpochMs, endedAtEpochMs, identity], [time, undefined, undefined])
    }
    const [closed] = EVENT_GRID.closed
    const { startedAtEpochMs, endedAtEpochMs } = onlyOne('event-grid', { ...closed, time: '2026-11-22T19:40:52+01:00' })
    assert.deepEqual([startedAtEpochMs, endedAtEpochMs], [undefined, time])
  })

  it('a generic alert has neither identity nor times', () => {
    for (const alert of alertsOf('generic', GENERIC.full))
      assert.deepEqual(
        [alert.identity, alert.startedAtEpochMs, alert.endedAtEpochMs],
        [undefined, undefined, undefined],
      )
  })

  it('an identity is never shortened: one that is too long is absent', () => {
    const withFingerprint = (fingerprint: string) => onlyOne('alertmanager', { alerts: [{ fingerprint }] }).identity
    assert.equal(withFingerprint('f'.repeat(1_024)), 'f'.repeat(1_024))
    assert.equal(withFingerprint('f'.repeat(1_025)), undefined)
  })

  it('what is no date and time after 1970 with an offset is no time', () => {
    const startOf = (startsAt: unknown) => onlyOne('alertmanager', { alerts: [{ startsAt }] }).startedAtEpochMs
    for (const startsAt of [
      '0001-01-01T00:00:00Z',
      '2026-11-22',
      '2026-11-22T18:40:52',
      '2026-13-22T18:40:52Z',
      ' 2026-11-22T18:40:52Z',
      'Sun, 22 Nov 2026 18:40:52 GMT',
      1_795_392_000,
      null,
    ])
      assert.equal(startOf(startsAt), undefined, String(startsAt))
    assert.equal(startOf('2026-11-22T18:40:52.704293810Z'), Date.UTC(2026, 10, 22, 18, 40, 52, 704))
  })
})

it('a validation event among others does not hide them', () => {
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
    reading.value.alerts.map(({ condition }) => condition),
    ['other', 'firing'],
  )
})
