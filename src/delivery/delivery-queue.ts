import type { QueueClient } from '@azure/storage-queue'
import type { AcceptedAlert } from '../domain/accepted-alert.ts'
import type { Enqueue } from '../reconnect/ports.ts'
import { DONE, type Clock } from '../shared/clock.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toMessage } from './message.ts'

/**
 * One call to the queue service, in turns that are waited for one after the other: a process that a storm keeps from reading its answers
 * must not take itself for a queue that is away.
 */
const CALL_TIMEOUT_MS = 1_500
const TURN_MS = 250
const MAX_TRIES = 2
/** A second try is begun only while there is time for it: senders wait a few seconds, and a 503 costs them more. */
const TRY_AGAIN_WITHIN_MS = 2_000
/** After the queue has failed, who comes next is told so at once for this long: a storm must not wait for one time-out after the other. */
const REST_MS = 1_000
/** A message lives until it is delivered: whether it is too old is for the delivery to say, which reports it. */
const FOR_EVER = -1

/** Stores messages for `reconnect-deliver`. A message whose answer was lost may be stored twice, which its delivery minds nothing. */
export function createDeliveryQueue({
  open,
  clock,
}: {
  readonly open: () => Promise<QueueClient>
  readonly clock: Clock
}): Enqueue {
  let opening: Promise<QueueClient> | undefined
  let failed: { readonly detail: string; readonly untilEpochMs: number } | undefined
  const queue = (): Promise<QueueClient> =>
    (opening ??= open().catch((fault: unknown) => {
      opening = undefined
      throw fault
    }))

  async function waitInTurns(done: AbortSignal): Promise<void> {
    for (let waitedMs = 0; waitedMs < CALL_TIMEOUT_MS && !done.aborted; waitedMs += TURN_MS)
      await clock.sleep(TURN_MS, done)
  }

  async function bounded<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = new AbortController()
    const done = new AbortController()
    void waitInTurns(done.signal).then(() => timeout.abort())
    try {
      return await call(timeout.signal)
    } finally {
      done.abort(DONE)
    }
  }

  async function send(text: string, delayMs: number): Promise<void> {
    const client = await queue()
    const options = { visibilityTimeout: Math.ceil(delayMs / 1_000), messageTimeToLive: FOR_EVER }
    try {
      await bounded((abortSignal) => client.sendMessage(text, { ...options, abortSignal }))
    } catch (fault) {
      if ((fault as { code?: unknown }).code !== 'QueueNotFound') throw fault
      await bounded((abortSignal) => client.createIfNotExists({ abortSignal }))
      await bounded((abortSignal) => client.sendMessage(text, { ...options, abortSignal }))
    }
  }

  return async function enqueue(alert: AcceptedAlert, delayMs = 0): Promise<Result<void, string>> {
    const text = toMessage(alert)
    const beganAt = clock.now()
    if (failed !== undefined && beganAt < failed.untilEpochMs) return err(failed.detail)
    for (let tries = 1; ; tries += 1) {
      try {
        await send(text, delayMs)
        failed = undefined
        return ok(undefined)
      } catch (fault) {
        if (tries < MAX_TRIES && clock.now() - beganAt < TRY_AGAIN_WITHIN_MS) continue
        const detail = fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault)
        failed = { detail, untilEpochMs: clock.now() + REST_MS }
        return err(detail)
      }
    }
  }
}
