import { setTimeout as delay } from 'node:timers/promises'
import type { DequeuedMessageItem, QueueClient, QueueServiceClient } from '@azure/storage-queue'
import type { LogRecord } from './core-types.ts'
import { invoke } from './invoke.ts'
import { decodeMessage, toMetadata } from './queue-message.ts'
import type { QueueOptions } from './queue-options.ts'
import type { RegisteredFunction, Worker } from './worker.ts'

/** QueueListener: how long a message is hidden while it runs. Renewed at half of that time. */
export const HIDDEN_MS = 600_000
const MIN_POLLING_INTERVAL_MS = 100
const POISON_SUFFIX = '-poison'
/** The SDK's tries of one call, after which the real listener gives up and the real host ends. */
const TRIES_OF_SDK = 6

export interface QueueTriggerOptions extends QueueOptions {
  /** As {@link HIDDEN_MS}; shorter only where a test has no ten minutes. */
  readonly hiddenMs: number
}

export interface QueueTrigger {
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
  let failedPolls = 0

  function log(level: LogRecord['level'], message: string, logger?: string): void {
    const source = logger === undefined ? { functionName: registered.metadata.name } : { logger }
    worker.log({ level, category: 'system', message, ...source })
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
      failedPolls = 0
      return receivedMessageItems
    } catch (error) {
      if (!stopped.signal.aborted) reportFailedPoll(error as Error & { readonly code?: string })
      return []
    }
  }

  function reportFailedPoll(error: Error & { readonly code?: string }): void {
    // To the listener, a queue that does not exist is an empty one. The SDK logs the answer, at each poll.
    if (error.code === 'QueueNotFound') {
      failedPolls = 0
      return log(
        'warning',
        `Error response 404 (The specified queue does not exist.) for queue '${queueName}'.`,
        'Azure.Core',
      )
    }
    failedPolls += 1
    if (failedPolls === 1) log('warning', `The queue '${queueName}' cannot be read: ${String(error)}`)
    if (failedPolls === TRIES_OF_SDK && /^(?:ECONNREFUSED|ECONNRESET|REQUEST_SEND_ERROR)$/.test(error.code ?? ''))
      log(
        'critical',
        `Storage has been unreachable for ${TRIES_OF_SDK} tries. On Azure the Functions host would have ended by now; this one goes on.`,
      )
  }

  async function run(message: DequeuedMessageItem): Promise<void> {
    const lease = { popReceipt: message.popReceipt }
    const decoded = decodeMessage(message.messageText)
    if (decoded.kind === 'not-base64') {
      log(
        'warning',
        `Message decoding has failed! Check MessageEncoding settings. MessageId=${message.messageId}.`,
        'Azure.Storage.Queues.QueueServiceClient',
      )
      return giveUp(message, lease.popReceipt)
    }
    if (message.dequeueCount > options.maxDequeueCount) return giveUp(message, lease.popReceipt)
    const done = new AbortController()
    const renewing = renew(queue, message, lease, options.hiddenMs, done.signal)
    try {
      if (decoded.kind === 'not-utf8')
        throw new Error("Exception binding parameter: the message's bytes are not UTF-8.")
      const { text } = decoded
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
      // Without a poison queue a message that fails stays hidden: it is not tried again at once.
      else if (poison !== undefined)
        await queue.updateMessage(
          message.messageId,
          lease.popReceipt,
          undefined,
          Math.ceil(options.visibilityTimeoutMs / 1_000),
        )
    }
  }

  /** Moves the message as it is, for the seven days that storage keeps messages by default. */
  async function giveUp(message: DequeuedMessageItem, popReceipt: string): Promise<void> {
    if (poison === undefined) return
    log(
      'warning',
      `Message has reached MaxDequeueCount of ${options.maxDequeueCount}. Moving message to queue '${poison.name}'.`,
    )
    await poison.createIfNotExists()
    await poison.sendMessage(message.messageText)
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

  /** Waits for the next poll, and until no more messages run than `newBatchThreshold` allows. */
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
