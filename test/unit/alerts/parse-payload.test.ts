import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parsePayload } from '../../../src/alerts/parse-payload.ts'
import { readAlerts, type AlertFormat } from '../../../src/alerts/read-alerts.ts'

const MIB = 1024 * 1024
const FORMATS: readonly AlertFormat[] = ['azure-monitor', 'alertmanager', 'grafana', 'event-grid', 'generic']

const parse = (text: string) => parsePayload(Buffer.from(text))

test('a payload is parsed as JSON.parse parses it, with or without a byte order mark', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => {
      const text = JSON.stringify(value)
      for (const given of [text, `\uFEFF${text}`])
        assert.deepEqual(parse(given), { ok: true, value: JSON.parse(text) as unknown })
    }),
  )
})

test('a payload that is empty, not JSON or not UTF-8 is malformed, and the fault does not repeat it', () => {
  for (const bytes of [
    Buffer.from('not json'),
    Buffer.from('{"secret":1'),
    Buffer.from([0xff, 0xfe, 0x7b]),
    Buffer.from('"\xc3"', 'latin1'),
    Buffer.alloc(0),
  ]) {
    const parsed = parsePayload(bytes)
    assert.ok(!parsed.ok && !JSON.stringify(parsed.error).includes('secret'))
  }
})

test('a mebibyte of brackets that do not close is malformed', () => {
  for (const bomb of ['['.repeat(MIB), '{"a":'.repeat(MIB / 5)]) assert.equal(parse(bomb).ok, false)
})

test('a mebibyte of nested lists or objects is malformed for every format', () => {
  for (const bomb of [nest('[', ']', MIB / 2), nest('{"a":', '}', MIB / 6)]) {
    const parsed = parse(bomb)
    assert.ok(parsed.ok)
    for (const format of FORMATS) assert.equal(readAlerts(format, parsed.value).ok, false, format)
  }
})

test('lists nested thousands deep inside an alert give no attribute and no exception', () => {
  const deep = nest('[', ']', 20_000)
  const payloads: Readonly<Record<AlertFormat, string>> = {
    'azure-monitor': `{"schemaId":"azureMonitorCommonAlertSchema","data":{"essentials":{"alertRule":${deep}},"alertContext":${deep},"customProperties":{"a":${deep}}}}`,
    alertmanager: `{"alerts":[{"status":${deep},"labels":{"a":${deep}},"annotations":${deep},"startsAt":${deep}}]}`,
    grafana: `{"alerts":[{"labels":${deep},"values":${deep},"fingerprint":${deep}}]}`,
    'event-grid': `{"type":"x","id":${deep},"data":{"a":${deep}},"time":${deep}}`,
    generic: `{"backends":["x"],"id":${deep},"reason":${deep}}`,
  }
  for (const format of FORMATS) {
    const parsed = parse(payloads[format])
    assert.ok(parsed.ok, format)
    const reading = readAlerts(format, parsed.value)
    assert.ok(reading.ok && reading.value.kind === 'alerts', format)
    const [alert] = reading.value.alerts
    assert.deepEqual([...(alert?.attributes ?? [])], format === 'event-grid' ? [['type', 'x']] : [], format)
    assert.equal(alert?.alertId, undefined, format)
  }
})

function nest(open: string, close: string, depth: number): string {
  return `${open.repeat(depth)}1${close.repeat(depth)}`
}
