/** A row that cannot be read stops nothing but itself, seen from outside. */
import assert from 'node:assert/strict'
import { after, it } from 'node:test'
import { TableClient } from '@azure/data-tables'
import { historyKeysOf, operationKeysOf, parseOperationId } from '../../src/storage/keys.ts'
import { told } from '../conformance/places.ts'
import { BACKENDS_TABLE, HISTORY_TABLE, listed, read, startScene, until } from '../support/scene.ts'

const { room } = await startScene({ after })
const tableOf = (name: string) =>
  TableClient.fromConnectionString(room.sandbox.info.storage, name, { allowInsecureConnection: true })

it('neither the history of others nor the next reconnect of its backend', async () => {
  const [backend, other] = [room.freshBackend(), room.freshBackend()]
  const bad = parseOperationId(told(await room.reconnect({ backend })).operation ?? '') ?? assert.fail()
  const good = told(await room.reconnect({ backend: other })).operation
  await until('both are listed', async () => (await listed(room, ''))?.length === 2)

  const { partitionKey } = operationKeysOf(bad)
  await tableOf(BACKENDS_TABLE).updateEntity(
    { partitionKey, rowKey: 'slot', watches: '[{', scheduledDue: 'tomorrow' },
    'Merge',
  )
  await tableOf(BACKENDS_TABLE).updateEntity({ ...operationKeysOf(bad), operation: '{' }, 'Merge')
  await tableOf(HISTORY_TABLE).updateEntity({ ...historyKeysOf(bad), operation: '{' }, 'Merge')

  assert.deepEqual(
    (await listed(room, ''))?.map(({ id }) => id),
    [good],
  )
  assert.equal((await read(room, `/operations/${bad}`)).status, 404)
  // What was scheduled cannot be read, so it is no reason not to send.
  const again = await room.reconnect({ backend })
  assert.deepEqual([again.status, told(again).outcome, room.armReceived(backend).length], [202, 'forwarded', 2])
  assert.equal((await room.decision(again))['notRecorded'], undefined)
  await until('it is told', () => room.sandbox.output().includes(`${partitionKey}/slot`))
})
