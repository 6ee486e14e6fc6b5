import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readQueueOptions } from '../../sandbox/host/queue-options.ts'

describe('the settings of host.json', () => {
  it('have the host’s defaults', () => {
    assert.deepEqual(readQueueOptions({}, 2), {
      batchSize: 16,
      newBatchThreshold: 16,
      maxPollingIntervalMs: 60_000,
      visibilityTimeoutMs: 0,
      maxDequeueCount: 5,
    })
  })

  it('are read, and refused where the host would refuse them', () => {
    assert.deepEqual(
      readQueueOptions(
        {
          batchSize: 32,
          newBatchThreshold: 0,
          maxPollingInterval: '00:01:30',
          visibilityTimeout: '01:00:00.5',
          maxDequeueCount: 1,
          messageEncoding: 'Base64',
        },
        2,
      ),
      {
        batchSize: 32,
        newBatchThreshold: 0,
        maxPollingIntervalMs: 90_000,
        visibilityTimeoutMs: 3_600_500,
        maxDequeueCount: 1,
      },
    )
    for (const wrong of [
      { batchSize: 33 },
      { batchSize: 0 },
      { maxDequeueCount: 0 },
      { visibilityTimeout: '30' },
      { maxPollingInterval: 5 },
      { messageEncoding: 'none' },
    ])
      assert.throws(() => readQueueOptions(wrong, 2), /host\.json/)
  })
})
