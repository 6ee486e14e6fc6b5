import {
  judgeEffect,
  MAX_KNOWN_ALERTS,
  type Decided,
  type KnownAlerts,
  type Notice,
  type Watch,
  type WatchOrigin,
} from '../domain/effect.ts'
import type { StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { Effects, Judged, Look, Noticed } from '../reconnect/alert-ports.ts'
import type { CircuitBreaker } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import { operationKeysOf, partitionKeyOf } from '../storage/keys.ts'
import { StorageFault, type BackendStore, type HistoryStore, type Versioned } from '../storage/store.ts'
import { findApplied } from './find-applied.ts'
import { watchesOf, watchMessage, watchNotice, type Moved } from './slot-effects.ts'
import type { Slot } from './slot.ts'

/** Faults and conflicts in a row after which notifications are lost as evidence, and a message comes back. */
const MAX_ATTEMPTS = 5
const RETRY_MS = 200
/** The last delivery of an operation may be so late after `deliverWithin`: its message was hidden, or came back. */
const LATE_DELIVERY_MS = 15 * 60_000
/**
 * Operations of a backend that are read, in one call, to learn which alerts are behind its reconnects. With more, not all can be known. Alerts
 * beyond the loop guard write one a minute: six hours of them fit.
 */
const MAX_ROWS = 1_000
/** Clocks of instances may differ by so much. */
const CLOCKS_APART_MS = 60_000

export interface EffectsOptions {
  readonly store: BackendStore & Pick<HistoryStore, 'listBackend'>
  /** Of the slot's path: while it is open, no notification waits for storage. */
  readonly breaker: CircuitBreaker
  readonly clock: Clock
  /** An operation that joined may be older by so much than the reconnect that it joined: its alert waited in the queue. */
  readonly deliverWithinMs: number
  readonly copyAgain: (id: OperationId) => void
  readonly random?: () => number
}

interface Waiting {
  readonly notice: Notice
  readonly resolve: (noticed: Noticed) => void
  readonly reject: (fault: unknown) => void
}

/**
 * read the slot → (where a reconnect is watched: read the alerts behind it) → decide → compare-and-set. Notifications about a backend that come
 * while one is being kept wait, and are kept together: a payload of 500 resolved alerts costs two rounds and not 500. Where nothing is watched,
 * a round is one read.
 */
export function createEffects(options: EffectsOptions): Effects {
  const { store, breaker, clock, deliverWithinMs, copyAgain, random = Math.random } = options
  const queues = new Map<string, Waiting[]>()

  /** The alerts behind each watched reconnect: its own, those that joined its operation, and those whose operations joined it. */
  async function readKnown(partitionKey: string, watches: readonly Watch[]): Promise<(id: OperationId) => KnownAlerts> {
    const requested = watches.map(({ operationId }) => operationKeysOf(operationId).requestedAtEpochMs)
    const { rows, more } = await store.listBackend(partitionKey, {
      fromEpochMs: Math.min(...requested) - deliverWithinMs - LATE_DELIVERY_MS,
      toEpochMs: clock.now() + CLOCKS_APART_MS,
      top: MAX_ROWS,
    })
    const operations = rows.flatMap(({ operation }) => operation ?? [])
    const hasMore = more || rows.some(({ isIncomplete }) => isIncomplete)
    return (id) => knownOf(id, operations, hasMore)
  }

  async function write(partitionKey: string, from: Versioned<Slot>, { slot: to, decided }: Moved): Promise<boolean> {
    if ((await store.commit(partitionKey, { slot: { from, to }, verdicts: decided })).kind === 'conflict') return false
    for (const { operationId } of decided) copyAgain(operationId)
    return true
  }

  /** One round for all of them. Undefined: another change of the backend was first. `attempted` gets what is about to be written. */
  async function keep(
    partitionKey: string,
    notices: readonly Notice[],
    attempted: Decided[],
  ): Promise<Noticed | undefined> {
    const slot = await store.readSlot(partitionKey)
    const before = await findApplied(store, attempted)
    const watches = watchesOf(slot.value)
    if (watches.length === 0) return noticed(before)
    const known = await readKnown(partitionKey, watches)
    const decided: Decided[] = []
    let next = slot.value
    for (const notice of notices) {
      const moved = watchNotice(next, notice, known, clock.now())
      decided.push(...moved.decided)
      next = moved.slot
    }
    if (next === slot.value) return noticed(before)
    attempted.push(...decided)
    if (!(await write(partitionKey, slot, { slot: next, decided }))) return undefined
    const looks = watchesOf(next).flatMap((watch): Look[] => {
      const judgement = judgeEffect(watch, known(watch.operationId), clock.now())
      if (watches.includes(watch) || judgement.kind === 'decided') return []
      const { lookAtEpochMs: atEpochMs } = judgement
      // At `decideBy` comes the message that was stored when it was sent.
      const hasMessage = watch.silentAtEpochMs === undefined && atEpochMs >= watch.decideByEpochMs
      return hasMessage || !Number.isFinite(atEpochMs) ? [] : [{ watch, atEpochMs }]
    })
    return { kind: 'kept', decided: [...before, ...decided], looks }
  }

  async function keepPatiently(partitionKey: string, notices: readonly Notice[]): Promise<Noticed> {
    let detail = 'storage failed a moment ago'
    const attempted: Decided[] = []
    for (let attempt = 0; attempt < MAX_ATTEMPTS && !breaker.isOpen(); attempt += 1) {
      if (attempt > 0) await clock.sleep(RETRY_MS * attempt * (0.5 + random()))
      try {
        const kept = await keep(partitionKey, notices, attempted)
        if (kept !== undefined) return kept
        detail = 'other changes of the backend were always first'
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault
        detail = fault.message
      }
    }
    return { kind: 'not_kept', detail }
  }

  async function drain(partitionKey: string, queue: Waiting[]): Promise<void> {
    // The alerts of one payload come in the same turn.
    await Promise.resolve()
    while (queue.length > 0) {
      const batch = queue.splice(0)
      try {
        const noticed = await keepPatiently(
          partitionKey,
          batch.map(({ notice }) => notice),
        )
        // A verdict is told once: by the first of them.
        const others: Noticed = noticed.kind === 'kept' ? { ...noticed, decided: [], looks: [] } : noticed
        for (const [index, { resolve }] of batch.entries()) resolve(index === 0 ? noticed : others)
      } catch (defect) {
        for (const { reject } of batch) reject(defect)
      }
    }
    queues.delete(partitionKey)
  }

  /** A reconnect that ARM accepted and that no slot watches: another holder had the slot when it was recorded. Its own row decides. */
  async function judgeUnwatched(
    id: OperationId,
    origin: WatchOrigin,
    attempted: Decided[],
  ): Promise<Judged | undefined> {
    const row = await store.readOperation(id)
    const { value } = row
    if (value?.effect?.verdict !== 'pending') return { kind: 'nothing_open' }
    const now = clock.now()
    const decideBy = Date.parse(value.effect.decideBy)
    if (now < decideBy) return { kind: 'early', lookAtEpochMs: decideBy }
    const effect = { ...value.effect, verdict: 'unknown' as const, decidedAt: toRfc3339(now) }
    const decided: Decided = { operationId: id, effect, origin, corrected: false }
    attempted.push(decided)
    const { partitionKey } = operationKeysOf(id)
    const change = { operation: { from: row, to: { ...value, effect } } }
    if ((await store.commit(partitionKey, change)).kind === 'conflict') return undefined
    copyAgain(id)
    return { kind: 'decided', decided: [decided] }
  }

  async function judgeOnce(
    partitionKey: string,
    id: OperationId,
    origin: WatchOrigin,
    attempted: Decided[],
  ): Promise<Judged | undefined> {
    const slot = await store.readSlot(partitionKey)
    const before = await findApplied(store, attempted)
    if (before.length > 0) return { kind: 'decided', decided: before }
    const watch = watchesOf(slot.value).find(({ operationId }) => operationId === id)
    if (watch === undefined) return judgeUnwatched(id, origin, attempted)
    // Only a watch with notices needs to know which alerts there are.
    const known = watch.notices.length === 0 ? undefined : (await readKnown(partitionKey, [watch]))(id)
    const now = clock.now()
    const judgement = judgeEffect(watch, known, now)
    if (judgement.kind === 'open') {
      const { lookAtEpochMs } = judgement
      return Number.isFinite(lookAtEpochMs) ? { kind: 'early', lookAtEpochMs } : { kind: 'nothing_open' }
    }
    const moved = watchMessage(slot.value, id, known, now)
    attempted.push(...moved.decided)
    return (await write(partitionKey, slot, moved)) ? { kind: 'decided', decided: moved.decided } : undefined
  }

  return {
    notice: ({ key }, notice) =>
      new Promise((resolve, reject) => {
        const partitionKey = partitionKeyOf(key)
        const waiting = { notice, resolve, reject }
        const queue = queues.get(partitionKey)
        if (queue !== undefined) return void queue.push(waiting)
        const started = [waiting]
        queues.set(partitionKey, started)
        void drain(partitionKey, started)
        return undefined
      }),

    async judge({ key }, id, origin) {
      const attempted: Decided[] = []
      let last = new StorageFault(new Error('other changes of the backend were always first'))
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        if (attempt > 0) await clock.sleep(RETRY_MS * attempt * (0.5 + random()))
        try {
          const judged = await judgeOnce(partitionKeyOf(key), id, origin, attempted)
          if (judged !== undefined) return judged
        } catch (fault) {
          if (!(fault instanceof StorageFault)) throw fault
          last = fault
        }
      }
      throw last
    },
  }
}

function noticed(decided: readonly Decided[]): Noticed {
  return decided.length === 0 ? { kind: 'not_watched' } : { kind: 'kept', decided, looks: [] }
}

function knownOf(id: OperationId, operations: readonly StoredOperation[], more: boolean): KnownAlerts {
  const startedAt = new Map<string, number>()
  let hasMore = more
  const add = (key: string, startedAtEpochMs: number): void => {
    if (!startedAt.has(key) && startedAt.size >= MAX_KNOWN_ALERTS) hasMore = true
    else startedAt.set(key, Math.max(startedAt.get(key) ?? 0, startedAtEpochMs))
  }
  for (const operation of operations) {
    if (operation.id !== id && operation.joined !== id) continue
    const alert = operation.firing?.alert
    if (alert !== undefined) add(alert.key, alert.startedAtEpochMs)
    for (const [key, startedAtEpochMs] of operation.joinedAlerts ?? []) add(key, startedAtEpochMs)
  }
  return { startedAt, hasMore }
}
