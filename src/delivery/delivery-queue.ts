import type { QueuedAlert } from '../domain/queued-alert.ts'
import type { Enqueue } from '../reconnect/alert-ports.ts'
import { boundedCall } from '../shared/bounded-call.ts'
import { createCircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { toMessage } from './message.ts'
import type { Queues } from './open-queue.ts'

/** For a sender that waits: two tries within four seconds, the second only while there is time for it. */
const ACCEPT: Patience = { limitMs: 1_500, tries: 2, tryAgainWithinMs: 2_000 }
/** For a delivery, for which only its lease waits: one try. A second one after a time-out would double the message. */
const RETRY: Patience = { limitMs: 8_000, tries: 1, tryAgainWithinMs: 0 }
/** After the queue has failed, the next senders get the fault at once for this long: a storm must not wait for one time-out after the other. */
const OPEN_MS = 1_000
/** A message lives until it is delivered; the delivery reports one that is too old. */
const FOR_EVER = -1

interface Patience {
  readonly limitMs: number
  readonly tries: number
  readonly tryAgainWithinMs: number
}

/** The queue of deliveries. A message whose answer was lost may be stored twice; its delivery tolerates that. */
export interface DeliveryQueue {
  /** For the request that brings the alert: answers within four seconds. */
  readonly accept: Enqueue
  /** For a delivery that is put off. */
  readonly retry: Enqueue
  /** Creates both queues: the host polls them, and each poll of a missing one is a warning in its log. */
  create(): Promise<void>
}

export function createDeliveryQueue({
  open,
  clock,
}: {
  /** Opens the queues, once and within seconds. */
  readonly open: () => Promise<Queues>
  readonly clock: Clock
}): DeliveryQueue {
  const breaker = createCircuitBreaker({ clock, openAfterFaults: 1, openMs: OPEN_MS })

  async function send(text: string, delayMs: number, limitMs: number): Promise<void> {
    const { deliver } = await open()
    // The moment may have passed while other messages were stored: storage refuses a negative number, and the breaker would open for that.
    const visibilityTimeout = Math.max(0, Math.ceil(delayMs / 1_000))
    const options = { visibilityTimeout, messageTimeToLive: FOR_EVER }
    const bounded = (call: (abortSignal: AbortSignal) => Promise<unknown>) => boundedCall({ clock, limitMs }, call)
    try {
      await bounded((abortSignal) => deliver.sendMessage(text, { ...options, abortSignal }))
    } catch (fault) {
      if ((fault as { code?: unknown }).code !== 'QueueNotFound') throw fault
      await bounded((abortSignal) => deliver.createIfNotExists({ abortSignal }))
      await bounded((abortSignal) => deliver.sendMessage(text, { ...options, abortSignal }))
    }
  }

  function enqueueWith({ limitMs, tries, tryAgainWithinMs }: Patience, isSender: boolean): Enqueue {
    return async function enqueue(alert: QueuedAlert, delayMs = 0): Promise<Result<void, string>> {
      const text = toMessage(alert)
      const beganAtEpochMs = clock.now()
      const opened = isSender ? breaker.opened() : undefined
      if (opened !== undefined) return err(opened.detail)
      for (let tried = 1; ; tried += 1) {
        try {
          await send(text, delayMs, limitMs)
          breaker.succeeded()
          return ok(undefined)
        } catch (fault) {
          if (tried < tries && clock.now() - beganAtEpochMs < tryAgainWithinMs) continue
          const detail = fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault)
          breaker.failed(detail)
          return err(detail)
        }
      }
    }
  }

  return {
    accept: enqueueWith(ACCEPT, true),
    retry: enqueueWith(RETRY, false),
    async create() {
      const { deliver, poison } = await open()
      for (const queue of [deliver, poison])
        await boundedCall({ clock, limitMs: RETRY.limitMs }, (abortSignal) => queue.createIfNotExists({ abortSignal }))
    },
  }
}
