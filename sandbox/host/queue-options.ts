/** `extensions.queues` of host.json, with the host's defaults (QueuesOptions.cs of the storage extension, v5). Times in milliseconds. */
export interface QueueOptions {
  readonly batchSize: number
  readonly newBatchThreshold: number
  readonly maxPollingIntervalMs: number
  /** How long a message stays hidden after a try that failed. */
  readonly visibilityTimeoutMs: number
  readonly maxDequeueCount: number
}

const DEFAULT_BATCH_SIZE = 16
const MAX_BATCH_SIZE = 32
const DEFAULT_MAX_POLLING_INTERVAL_MS = 60_000
const DEFAULT_MAX_DEQUEUE_COUNT = 5

export function readQueueOptions(queues: Readonly<Record<string, unknown>>, processors: number): QueueOptions {
  const batchSize = wholeNumber(queues, 'batchSize', 1, MAX_BATCH_SIZE) ?? DEFAULT_BATCH_SIZE
  const encoding = queues['messageEncoding'] ?? 'base64'
  if (typeof encoding !== 'string' || encoding.toLowerCase() !== 'base64')
    throw new Error('host.json: this host knows queue messages in Base64 only')
  return {
    batchSize,
    newBatchThreshold: wholeNumber(queues, 'newBatchThreshold', 0, 1_000) ?? (batchSize / 2) * processors,
    maxPollingIntervalMs: Math.max(100, timeSpan(queues, 'maxPollingInterval') ?? DEFAULT_MAX_POLLING_INTERVAL_MS),
    visibilityTimeoutMs: timeSpan(queues, 'visibilityTimeout') ?? 0,
    maxDequeueCount: wholeNumber(queues, 'maxDequeueCount', 1, 2 ** 31 - 1) ?? DEFAULT_MAX_DEQUEUE_COUNT,
  }
}

function wholeNumber(
  queues: Readonly<Record<string, unknown>>,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const value = queues[name]
  if (value === undefined) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`host.json: extensions.queues.${name} is a whole number from ${least} to ${most}`)
  return value
}

function timeSpan(queues: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = queues[name]
  return value === undefined ? undefined : parseTimeSpan(`extensions.queues.${name}`, value)
}

/** `hh:mm:ss`, with fractions, in milliseconds. */
export function parseTimeSpan(name: string, value: unknown): number {
  const [, hours = '', minutes = '', seconds = ''] =
    /^([0-9]{2}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,7})?)$/.exec(typeof value === 'string' ? value : '') ?? []
  if (seconds === '') throw new Error(`host.json: ${name} is a time as hh:mm:ss`)
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000
}
