import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseMessage, toMessage } from '../../../src/delivery/message.ts'
import { startOperation } from '../../../src/domain/operation.ts'
import type { QueuedAlert, SentOutcome } from '../../../src/domain/queued-alert.ts'
import type { AlertTrigger } from '../../../src/domain/trigger.ts'
import { createOperationId } from '../../../src/storage/keys.ts'
import { webhookCaller } from '../../../src/domain/caller.ts'
import { aBackend, aDuration, aPermit, IDS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const TRIGGER: AlertTrigger = {
  kind: 'webhook',
  webhook: 'alertmanager',
  alertId: '550d3361245c8508/2026',
  alertRule: 'ApimBackendDown',
}

const SENT: SentOutcome = {
  ownerToken: 'c0ffee00-0000-4000-8000-00000000000a',
  dueEpochMs: START_EPOCH_MS + 120_000,
  attempts: 2,
  ambiguous: true,
  arm: { status: 202, requestId: 'r', correlationId: 'c' },
}

function anAlert(change: Partial<QueuedAlert> = {}): QueuedAlert {
  const trigger = change.trigger ?? TRIGGER
  const backend = change.backend ?? aBackend()
  const permit = aPermit({ backend, ...(change.after === undefined ? {} : { after: change.after }) })
  const started = startOperation(permit, createOperationId(backend.key, START_EPOCH_MS), START_EPOCH_MS, trigger)
  const { kind, id } = webhookCaller(trigger.webhook)
  return {
    operation: { ...started, caller: { kind, id } },
    trigger,
    backend,
    acceptedAtEpochMs: START_EPOCH_MS,
    tries: 0,
    generation: 0,
    correlationId: IDS.correlationId,
    ...change,
  }
}

const decoded = (alert: QueuedAlert): Record<string, unknown> =>
  JSON.parse(Buffer.from(toMessage(alert), 'base64').toString('utf8')) as Record<string, unknown>

describe('a message', () => {
  it('is read as it was written, as an object or as its text', () => {
    for (const alert of [
      anAlert(),
      anAlert({ after: aDuration('PT5M'), tries: 7, generation: 9 }),
      anAlert({ sent: SENT }),
      anAlert({ sent: { ownerToken: SENT.ownerToken, dueEpochMs: START_EPOCH_MS, attempts: 1, ambiguous: false } }),
      anAlert({ trigger: { kind: 'webhook', webhook: 'w' } }),
    ]) {
      for (const value of [decoded(alert), JSON.stringify(decoded(alert))])
        assert.deepEqual(parseMessage(value), { ok: true, value: alert })
    }
  })

  it('has ids and names that fit a row: longer ones are cut', () => {
    const read = parseMessage({ ...decoded(anAlert()), alert: 'a'.repeat(40_000), rule: 'r'.repeat(40_000) })
    assert.ok(read.ok)
    assert.deepEqual([read.value.trigger.alertId?.length, read.value.trigger.alertRule?.length], [256, 256])
  })

  it('of the first release has no generation: its tries tell it from the others of its operation', () => {
    const { generation: _, ...first } = decoded(anAlert({ tries: 3 }))
    const read = parseMessage(first)
    assert.ok(read.ok && read.value.generation === 3)
  })

  it('cuts ARM’s ids in it to 256 characters', () => {
    const message = decoded(anAlert({ sent: SENT }))
    const sent = { ...(message['sent'] as object), armRequest: 'r'.repeat(40_000), armCorrelation: 'c'.repeat(40_000) }
    const read = parseMessage({ ...message, sent })
    assert.ok(read.ok)
    assert.deepEqual([read.value.sent?.arm?.requestId?.length, read.value.sent?.arm?.correlationId?.length], [256, 256])
  })

  it('is Base64 of JSON, whatever the sender wrote: control characters and lone surrogates included', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 256 }),
        (alertId, alertRule) => {
          const alert = anAlert({ trigger: { ...TRIGGER, alertId, alertRule } })
          assert.match(toMessage(alert), /^[A-Za-z0-9+/]+=*$/)
          const parsed = parseMessage(decoded(alert))
          // UTF-8 has no lone surrogates; JSON escapes them before they get there.
          assert.ok(
            parsed.ok && parsed.value.trigger.alertId === alertId && parsed.value.trigger.alertRule === alertRule,
          )
        },
      ),
    )
  })

  it('fits into the queue with the longest values that there are', () => {
    const long = '\u0000'.repeat(256)
    const backend = aBackend({
      resourceGroupName: 'g'.repeat(90),
      serviceName: 's'.repeat(50),
      backendId: '"'.repeat(80),
    })
    assert.ok(
      toMessage(
        anAlert({
          backend,
          trigger: { kind: 'webhook', webhook: 'w'.repeat(63), alertId: long, alertRule: long },
          after: aDuration(`PT${'0'.repeat(55)}5M`),
          sent: { ...SENT, arm: { status: 202, requestId: long, correlationId: long } },
        }),
      ).length <
        48 * 1024,
    )
  })

  it('has no member that the trigger’s metadata has too', () => {
    const metadata = [
      'id',
      'dequeuecount',
      'insertiontime',
      'expirationtime',
      'nextvisibletime',
      'popreceipt',
      'queuetrigger',
      'sys',
    ]
    for (const name of Object.keys(decoded(anAlert({ after: aDuration('PT5M'), sent: SENT }))))
      assert.ok(!metadata.includes(name.toLowerCase()), name)
  })
})

describe('not a message', () => {
  const wrong: readonly [member: string, value: unknown][] = [
    ['operation', 'short'],
    ['operation', undefined],
    ['backend', `${aBackend().resourceId}/../x`],
    ['backend', ''],
    ['webhook', 'Not A Name'],
    ['webhook', 1],
    ['after', 'soon'],
    ['after', 'PT25H'],
    ['acceptedAt', 'yesterday'],
    ['acceptedAt', '2026-13-45T00:00:00.000Z'],
    ['tries', -1],
    ['tries', '1'],
    ['tries', 1.5],
    ['generation', -1],
    ['generation', '1'],
    ['generation', null],
    ['correlation', 'not a guid'],
    ['sent', 'text'],
    ['sent', null],
    ['sent', {}],
    ['sent', { owner: 'no guid', due: '2026-11-23T00:00:00.000Z', attempts: 1 }],
    ['sent', { owner: SENT.ownerToken, due: 'soon', attempts: 1 }],
    ['sent', { owner: SENT.ownerToken, due: '2026-11-23T00:00:00.000Z', attempts: -1 }],
  ]
  for (const [member, value] of wrong) {
    it(`${member}: ${JSON.stringify(value)}`, () => {
      const good = decoded(anAlert())
      const parsed = parseMessage({ ...good, [member]: value })
      assert.deepEqual(parsed, {
        ok: false,
        error: { member, ...(member === 'operation' ? {} : { operationId: good['operation'] }) },
      })
    })
  }

  it('other things than an object', () => {
    for (const value of [undefined, null, 1, 'text', '[]', [], '"x"', '{'])
      assert.deepEqual(parseMessage(value), { ok: false, error: { member: 'message' } })
  })

  it('members of later versions are ignored', () =>
    assert.equal(parseMessage({ ...decoded(anAlert()), version: 2, more: {} }).ok, true))

  it('never throws', () => {
    fc.assert(fc.property(fc.anything(), (value) => void parseMessage(value)))
    fc.assert(
      fc.property(
        fc.record(Object.fromEntries(Object.keys(decoded(anAlert())).map((name) => [name, fc.anything()]))),
        (value) => void parseMessage(value),
      ),
    )
  })
})
