import { DELIVERY_KEPT_MS, type UnactedDelivery, type UnactedOutcome } from '../domain/unacted-delivery.ts'
import type { DeliveryLog } from '../reconnect/operator-ports.ts'
import type { Clock } from '../shared/clock.ts'
import type { Log } from '../shared/log.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import type { OperatorStore } from '../storage/operator-store.ts'

/** Contract, section 11: at most one write per second and instance. */
const WRITE_EVERY_MS = 1_000
/** Entries of one webhook that one write carries. What comes beyond them before the next write is counted and left out. */
const MAX_PER_WRITE = 10
/** Contract, section 11. */
export const SHOWN = 100
/** After so many writes for a webhook the rows behind the shown ones are removed, in place of a write. */
const TRIM_AFTER_WRITES = 5
const MAX_REASON_CHARS = 512

/** Anyone can cause these. */
const ANYONES: ReadonlySet<UnactedOutcome> = new Set(['unauthenticated', 'malformed'])

interface Waiting {
  readonly entries: UnactedDelivery[]
  /** Left out since the last entry. */
  omitted: number
  writes: number
}

export interface DeliveryLogOptions {
  readonly store: Pick<OperatorStore, 'writeDeliveries' | 'listDeliveries' | 'trimDeliveries'>
  /** Names of the webhooks that the policy has: nothing is written about others. */
  readonly webhooks: { has(name: string): boolean }
  readonly clock: Clock
  readonly log: Log
}

/**
 * Deliveries that did not act, written in the background. Entries wait until a write is due:
 *
 *   e1 ─ write [e1] ─ 1 s ─ write [e2 … e11] ─ 1 s ─ …     e12 … e40 are left out, and e41 says omitted: 29
 *
 * Anyone can post without a proof, or too much. One write carries one of each: they do not take the places of what the sender posts. While
 * storage is away entries are lost, and counted.
 */
export function createDeliveryLog({ store, webhooks, clock, log }: DeliveryLogOptions): DeliveryLog {
  const queues = new Map<string, Waiting>()
  let running = false

  async function run(): Promise<void> {
    // All alerts of one request come in the same turn.
    await clock.sleep(0)
    for (;;) {
      const due = [...queues].find(([, { entries, writes }]) => entries.length > 0 || writes >= TRIM_AFTER_WRITES)
      if (due === undefined) break
      const [webhook, queue] = due
      // The others come first next time.
      queues.delete(webhook)
      queues.set(webhook, queue)
      await writeOnce(webhook, queue)
      await clock.sleep(WRITE_EVERY_MS)
    }
    running = false
  }

  async function writeOnce(webhook: string, queue: Waiting): Promise<void> {
    const batch = queue.writes >= TRIM_AFTER_WRITES ? [] : queue.entries.splice(0)
    try {
      if (batch.length > 0) {
        queue.writes += 1
        await store.writeDeliveries(webhook, batch)
      } else {
        queue.writes = 0
        await store.trimDeliveries(webhook, SHOWN)
      }
    } catch (fault) {
      queue.omitted += batch.reduce((sum, { omitted = 0 }) => sum + 1 + omitted, 0)
      log.warn(JSON.stringify({ event: 'reconnect.storage', detail: `deliveries are not listed: ${String(fault)}` }))
    }
  }

  return {
    note(webhook, { reason, ...facts }) {
      if (!webhooks.has(webhook)) return
      const queue = queues.get(webhook) ?? { entries: [], omitted: 0, writes: 0 }
      queues.set(webhook, queue)
      const { entries, omitted } = queue
      const isCrowd = ANYONES.has(facts.outcome) && entries.some(({ outcome }) => outcome === facts.outcome)
      if (isCrowd || entries.length >= MAX_PER_WRITE) {
        queue.omitted += 1
        return
      }
      queue.omitted = 0
      entries.push({
        at: toRfc3339(clock.now()),
        ...facts,
        ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_REASON_CHARS) }),
        ...(omitted === 0 ? {} : { omitted }),
      })
      if (running) return
      running = true
      void run()
    },

    list: (webhook) => store.listDeliveries(webhook, clock.now() - DELIVERY_KEPT_MS, SHOWN),
  }
}
