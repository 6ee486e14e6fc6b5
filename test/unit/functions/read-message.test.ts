import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InvocationContext } from '@azure/functions'
import type { App } from '../../../src/composition.ts'
import { toMessage } from '../../../src/delivery/message.ts'
import { readMessage } from '../../../src/functions/read-message.ts'
import { describeFailure } from '../../../src/http/failure-reply.ts'
import { isOperationOf } from '../../../src/storage/keys.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { ALERT_TRIGGER, anAcceptedAlert } from '../../support/an-operation.ts'
import { aBackend, IDS } from '../../support/builders.ts'
import { createCore } from '../../support/core.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const METADATA = { id: 'm-1', insertionTime: '2026-11-23T00:00:00Z', dequeueCount: 3 }

function room() {
  const core = createCore()
  const { operations, clock } = core
  const app = { isOperationOf, deliveryPorts: { operations, describe: describeFailure, clock } } as unknown as App
  const operation = anAcceptedAlert()
  core.putRow(operation)
  const written = toMessage({
    operation,
    trigger: ALERT_TRIGGER,
    backend: aBackend(),
    acceptedAtEpochMs: START_EPOCH_MS,
    generation: 1,
    tries: 1,
    correlationId: IDS.correlationId,
  })
  const message = JSON.parse(Buffer.from(written, 'base64').toString('utf8')) as Record<string, unknown>
  const lines: { readonly level: string; readonly event: Record<string, unknown> }[] = []
  const context = new InvocationContext({
    functionName: 'reconnect-deliver',
    invocationId: 'i',
    triggerMetadata: METADATA,
    logHandler: (level, text) => lines.push({ level, event: JSON.parse(String(text)) as Record<string, unknown> }),
  })
  const read = (value: unknown) => clock.finish(readMessage(value, app, context))
  return { ...core, operation, message, lines, read }
}

describe('a message of this app', () => {
  it('is read, and nothing is logged', async () => {
    const { read, message, operation, lines } = room()
    const alert = await read(message)
    assert.deepEqual([alert?.operation.id, alert?.generation, lines], [operation.id, 1, []])
  })
})

describe('a message that cannot be read', () => {
  it('is an error in the log with what finds it in the queue, and nothing of its content', async () => {
    const { read, lines } = room()
    assert.equal(await read({ secret: 'content' }), undefined)
    assert.deepEqual(lines, [
      {
        level: 'error',
        event: {
          event: 'reconnect.message',
          outcome: 'unreadable',
          member: 'operation',
          messageId: 'm-1',
          insertionTime: '2026-11-23T00:00:00Z',
          dequeueCount: '3',
        },
      },
    ])
  })

  it('does not say with members of its own where it was found', async () => {
    const { read, lines } = room()
    await read({ id: 'forged', dequeueCount: 'forged\nline' })
    assert.deepEqual([lines[0]?.event['messageId'], lines[0]?.event['dequeueCount']], [undefined, undefined])
  })

  it('ends the operation that it is about as abandoned', async () => {
    const { read, message, operation, row } = room()
    assert.equal(await read({ ...message, backend: 'nonsense' }), undefined)
    const { state, error } = row(operation.id) ?? {}
    assert.deepEqual([state, error?.code], ['abandoned', 'DeliveryFailed'])
  })

  it('leaves an operation that has ended, or that does not exist, as it is', async () => {
    const { read, message, operation, row, putRow } = room()
    putRow({ ...operation, state: 'forwarded' })
    await read({ ...message, backend: 'nonsense' })
    assert.equal(row(operation.id)?.state, 'forwarded')
    const other = anAcceptedAlert()
    await read({ ...message, operation: other.id, backend: 'nonsense' })
    assert.equal(row(other.id), undefined)
  })

  it('comes back while storage is away', async () => {
    const unread = room()
    unread.faults.next('readOperation', 'fails')
    await assert.rejects(unread.read({ ...unread.message, backend: 'nonsense' }), StorageFault)
    const unwritten = room()
    unwritten.faults.always('fails', 'commit')
    await assert.rejects(unwritten.read({ ...unwritten.message, backend: 'nonsense' }), /could not be written down/)
  })
})

describe('a message with the id of another backend’s operation', () => {
  it('is refused, and that operation is not touched', async () => {
    const { read, message, operation, row, lines } = room()
    const forged = { ...message, backend: aBackend({ backendId: 'payments' }).resourceId }
    assert.equal(await read(forged), undefined)
    assert.equal(row(operation.id)?.state, 'accepted')
    assert.deepEqual([lines[0]?.event['member'], lines[0]?.event['operationId']], ['operation', undefined])
  })
})
