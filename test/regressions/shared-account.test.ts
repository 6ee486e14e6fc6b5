/** Contract, section 8, `RECONNECT_STORAGE_PREFIX`: two apps, or two slots of one, may share a storage account. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { TableServiceClient } from '@azure/data-tables'
import { QueueServiceClient } from '@azure/storage-queue'
import { told } from '../conformance/places.ts'
import { isFinal, operationWhen, type Posted } from '../conformance/senders.ts'
import { effects, fire, joinScene, listed, startScene } from '../support/scene.ts'

const ALERTS = 8

describe('two apps on one storage account, with a prefix each', async () => {
  // The other one looks for messages far more often.
  const { room, storage } = await startScene(
    { after },
    { env: { RECONNECT_STORAGE_PREFIX: 'green' }, queues: { maxPollingInterval: '00:00:01' } },
  )
  const staging = await joinScene({ after }, storage, {
    env: { RECONNECT_STORAGE_PREFIX: 'blue', RECONNECT_MODE: 'dry-run' },
    queues: { maxPollingInterval: '00:00:00.1' },
  })

  it('take no alerts from each other: those of the one that reconnects are all delivered', async () => {
    const backends = Array.from({ length: ALERTS }, () => room.freshBackend())
    const posted: Posted[] = []
    for (const backend of backends) {
      posted.push(await fire(room, backend))
      await delay(100)
    }
    const ends = await Promise.all(posted.map(({ alerts }) => operationWhen(room, alerts[0]?.operation, isFinal)))
    assert.deepEqual(
      ends.map(({ state }) => state),
      backends.map(() => 'forwarded'),
    )
    assert.ok(backends.every((backend) => effects(room, backend) === 1))
  })

  it('do not read each other’s operations', async () => {
    const { operation } = told(await room.reconnect({ backend: room.freshBackend() }))
    const operations = (await listed(staging, 'top=200')) ?? []
    assert.equal(operations.filter(({ id }) => id === operation).length, 0)
  })

  it('write nothing without their prefix', async () => {
    const options = { allowInsecureConnection: true }
    const names: string[] = []
    for await (const { name } of TableServiceClient.fromConnectionString(storage.direct, options).listTables())
      names.push(String(name))
    for await (const { name } of QueueServiceClient.fromConnectionString(storage.direct).listQueues()) names.push(name)
    assert.deepEqual(
      names.filter((name) => !/^(?:green|blue)reconnect/.test(name)),
      [],
    )
    assert.ok(names.length > 0)
  })
})
