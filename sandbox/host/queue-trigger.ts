import { setTimeout as delay } from 'node:timers/promises'
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { TypedData } from './core-types.ts'
import { invoke } from './invoke.ts'
import type { QueueOptions } from './queue-options.ts'
import type { RegisteredFunction, Worker } from './worker.ts'

/** QueueListener: a message that runs is hidden so long, and the time is renewed at half of it. */
export const HIDDEN_MS = 600_000
const MIN_POLLING_INTERVAL_MS = 100
const POISON_SUFFIX = '-poison'

export interface QueueTriggerOptions extends QueueOptions {
  /** As {@link HIDDEN_MS}; shorter only where a test has no ten minutes. */
  readonly hiddenMs: number
}

export interface QueueTrigger {
  readonly function: RegisteredFunction
  readonly queueName: string
  inFlight(): number
  /** Takes no more messages. Those that run go on. */
  stop(): Promise<void>
}

/** The queue's name, where the function has such a trigger on the host's own storage. */
export function queueNameOf({ metadata }: RegisteredFunction): string | undefined {
  const trigger = Object.values(metadata.bindings).find(({ type }) => type?.toLowerCase() === 'queuetrigger')
  if (trigger === undefined) return undefined
  const { queueName, connection } = trigger as { queueName?: unknown; connection?: unknown }
  if (typeof queueName !== 'string' || connection !== 'AzureWebJobsStorage')
    throw new Error(`function "${metadata.name}": this host serves queues of AzureWebJobsStorage only`)
  return queueName
}

/**
 * Polls one queue and runs the function for each message, as QueueListener and QueueProcessor of the storage extension do: success deletes the
 * message; a failure makes it visible again after a while, or, at the last try, moves it to the poison queue.
 */
export function startQueueTrigger(
  worker: Worker,
  registered: RegisteredFunction,
  queueName: string,
  service: QueueServiceClient,
  options: QueueTriggerOptions,
): QueueTrigger {
  const queue = service.getQueueClient(queueName)
  const poison = queueName.endsWith(POISON_SUFFIX) ? undefined : service.getQueueClient(`${queueName}${POISON_SUFFIX}`)
  const stopped = new AbortController()
  const running = new Set<Promise<void>>()
  const rejectOnStop = new Promise<never>((_, reject) =>
    stopped.signal.addEventListener('abort', () => reject(new Error('the host stops'))),
  )
  rejectOnStop.catch(() => undefined)
  let freed = (): void => {}
  let isAway = false

  function log(level: 'information' | 'warning' | 'error', message: string): void {
    worker.log({ level, category: 'system', message, functionName: registered.metadata.name })
  }

  async function receive(): Promise<readonly DequeuedMessageItem[]> {
    try {
      const receiving = queue.receiveMessages({
        numberOfMessages: options.batchSize,
        visibilityTimeout: Math.ceil(options.hiddenMs / 1_000),
        abortSignal: stopped.signal,
      })
      // A credential that waits for its token does not look at the signal.
      const { receivedMessageItems } = await Promise.race([receiving, rejectOnStop])
      isAway = false
      return receivedMessageItems
    } catch (error) {
      // A queue that nobody has made yet is an empty one.
      if (!isAway && !stopped.signal.aborted && (error as { code?: unknown }).code !== 'QueueNotFound')
        log('warning', `The queue '${queueName}' cannot be read: ${String(error)}`)
      isAway = true
      return []
    }
  }

  async function run(message: DequeuedMessageItem): Promise<void> {
    const lease = { popReceipt: message.popReceipt }
    const text = decode(message.messageText)
    if (text === undefined || message.dequeueCount > options.maxDequeueCount) return giveUp(message, lease.popReceipt)
    const done = new AbortController()
    const renewing = renew(queue, message, lease, options.hiddenMs, done.signal)
    try {
      await invoke(worker, registered, { data: { string: text }, metadata: toMetadata(message, text) })
      done.abort()
      await renewing
      await queue.deleteMessage(message.messageId, lease.popReceipt)
    } catch (error) {
      done.abort()
      await renewing
      log(
        'error',
        `Executed '${registered.metadata.name}' (Failed): ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      if (message.dequeueCount >= options.maxDequeueCount) await giveUp(message, lease.popReceipt)
      // Without a poison queue a message that fails stays hidden, which keeps it from a hot loop.
      else if (poison !== undefined)
        await queue.updateMessage(
          message.messageId,
          lease.popReceipt,
          undefined,
          Math.ceil(options.visibilityTimeoutMs / 1_000),
        )
    }
  }

  async function giveUp(message: DequeuedMessageItem, popReceipt: string): Promise<void> {
    if (poison === undefined) return
    log(
      'warning',
      `Message has reached MaxDequeueCount of ${options.maxDequeueCount}. Moving message to queue '${poison.name}'.`,
    )
    // The host's client for it encodes: what was no Base64 before is Base64 there.
    const body =
      decode(message.messageText) === undefined
        ? Buffer.from(message.messageText).toString('base64')
        : message.messageText
    await poison.createIfNotExists()
    await poison.sendMessage(body, { messageTimeToLive: -1 })
    await queue.deleteMessage(message.messageId, popReceipt)
  }

  async function listen(): Promise<void> {
    let pauseMs = MIN_POLLING_INTERVAL_MS
    while (!stopped.signal.aborted) {
      const messages = await receive()
      for (const message of messages) {
        const work = run(message).catch((error: unknown) =>
          log('error', `The message '${message.messageId}' could not be settled: ${String(error)}`),
        )
        running.add(work)
        void work.finally(() => {
          running.delete(work)
          freed()
        })
      }
      pauseMs =
        messages.length > 0
          ? MIN_POLLING_INTERVAL_MS
          : Math.min(options.maxPollingIntervalMs, pauseMs * 2 * (0.9 + Math.random() / 5))
      await pause(messages.length > 0 ? 0 : pauseMs)
    }
  }

  /** Until the next poll is due, and no more run than may while a batch is fetched. */
  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: stopped.signal }).catch(() => undefined)
    while (running.size > options.newBatchThreshold && !stopped.signal.aborted) {
      await new Promise<void>((resolve) => {
        freed = resolve
        stopped.signal.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  const listening = listen()
  return {
    function: registered,
    queueName,
    inFlight: () => running.size,
    async stop() {
      stopped.abort()
      await listening
    },
  }
}

async function renew(
  queue: QueueClient,
  message: DequeuedMessageItem,
  lease: { popReceipt: string },
  hiddenMs: number,
  done: AbortSignal,
): Promise<void> {
  for (;;) {
    const isOver = await delay(hiddenMs / 2, false, { signal: done, ref: false }).catch(() => true)
    if (isOver) return
    const renewed = await queue
      .updateMessage(message.messageId, lease.popReceipt, undefined, Math.ceil(hiddenMs / 1_000))
      .catch(() => undefined)
    if (renewed?.popReceipt !== undefined) lease.popReceipt = renewed.popReceipt
  }
}

/** Undefined for what is no Base64 of UTF-8: the SDK's decoding fails, and the message is given up unread. */
function decode(messageText: string): string | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(messageText)) return undefined
  return Buffer.from(messageText, 'base64').toString('utf8')
}

/** The trigger's binding data: the message's own, and the members of its JSON, which win (FunctionInvocation, binding contract). */
function toMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  const own: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    DequeueCount: { json: String(message.dequeueCount) },
    Id: { string: message.messageId },
    InsertionTime: { json: JSON.stringify(message.insertedOn) },
    ExpirationTime: { json: JSON.stringify(message.expiresOn) },
    NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
    PopReceipt: { string: message.popReceipt },
  }
  for (const [name, value] of membersOf(text)) own[name] = { json: JSON.stringify(value) }
  return own
}

function membersOf(text: string): [string, unknown][] {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : []
  } catch {
    return []
  }
}
