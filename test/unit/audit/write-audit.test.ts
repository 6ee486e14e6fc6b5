import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuditEvent } from '../../../src/audit/event.ts'
import { writeAudit } from '../../../src/audit/write-audit.ts'
import { capturingContext } from '../../support/capturing-context.ts'

const EVENT: AuditEvent = {
  event: 'reconnect.decision',
  correlationId: 'c1',
  trigger: { kind: 'http' },
  mode: 'on',
  outcome: 'forwarded',
  durationMs: 12,
}

function write(change: Partial<AuditEvent> = {}): { readonly level: string; readonly text: string } {
  const { context, lines } = capturingContext()
  writeAudit(context, { ...EVENT, ...change })
  assert.equal(lines.length, 1, 'one event is one line')
  const [line] = lines
  assert.ok(line !== undefined)
  return line
}

describe('the level says who has to look', () => {
  const CASES: readonly [string, Partial<AuditEvent>, string][] = [
    ['what was forwarded', {}, 'information'],
    ['a dry run', { outcome: 'dry-run' }, 'information'],
    ["the caller's fault", { outcome: 'refused', reason: 'not_granted', fault: 'caller' }, 'information'],
    ["a dependency's fault", { outcome: 'failed', reason: 'arm_unreachable', fault: 'dependency' }, 'warning'],
    ['a fault of ours', { outcome: 'failed', reason: 'arm_refused_identity', fault: 'us' }, 'error'],
    ['a defect', { outcome: 'failed', reason: 'defect', fault: 'us' }, 'error'],
  ]
  for (const [name, change, level] of CASES) test(`${name}: ${level}`, () => assert.equal(write(change).level, level))
})

test('the line is the event as JSON', () => {
  assert.deepEqual(JSON.parse(write().text), EVENT)
})

test('every text in it is made printable, however deep it lies', () => {
  const { text } = write({ detail: 'a\nb\u202e', caller: { kind: 'user', id: 'i', name: 'Eve\r\n{"event":"forged"}' } })
  assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  const read = JSON.parse(text) as AuditEvent
  assert.equal(read.detail, 'a\\u000ab\\u202e')
  assert.equal(read.caller?.name, 'Eve\\u000d\\u000a{"event":"forged"}')
})

test('every text in it is bounded', () => {
  assert.ok(write({ detail: 'x'.repeat(1_000_000) }).text.length < 1_000)
})
