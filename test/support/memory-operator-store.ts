import type { Pause, PauseId } from '../../src/domain/pause.ts'
import type { UnactedDelivery } from '../../src/domain/unacted-delivery.ts'
import { backendRowKeyOf, invertedTime } from '../../src/storage/keys.ts'
import { toBackendRow, toDeliveryRow, toPauseRow } from '../../src/storage/operator-rows.ts'
import type { OperatorStore, SeenBackend } from '../../src/storage/operator-store.ts'
import { MAX_BATCH, StorageFault } from '../../src/storage/store.ts'

/** The lists that all instances share, as strict as Azure Table storage. */
export interface MemoryLists {
  readonly pauses: Map<PauseId, Pause>
  readonly backends: Map<string, SeenBackend>
  readonly deliveries: Map<string, Map<string, UnactedDelivery>>
  /** Every call, in order. */
  readonly calls: (keyof OperatorStore)[]
  /** While it is set, every call fails. */
  fault: Error | undefined
  /** While it is set, no call ends before it. */
  wait: Promise<unknown> | undefined
  /** Storage's own clock. */
  now: () => number
}

export function createMemoryLists(now: () => number = () => 0): MemoryLists {
  return {
    pauses: new Map(),
    backends: new Map(),
    deliveries: new Map(),
    calls: [],
    fault: undefined,
    wait: undefined,
    now,
  }
}

/** `test/contract/operator-store.test.ts` compares it with the real one. */
export function createMemoryOperatorStore(lists: MemoryLists): OperatorStore {
  let written = 0

  async function happen<T>(name: keyof OperatorStore, effect: () => T): Promise<T> {
    lists.calls.push(name)
    await lists.wait
    if (lists.fault !== undefined) throw new StorageFault(lists.fault)
    try {
      return effect()
    } catch (fault) {
      throw new StorageFault(fault)
    }
  }

  const rowsOf = (webhook: string): readonly [string, UnactedDelivery][] =>
    [...(lists.deliveries.get(webhook) ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1))

  return {
    listPauses: (afterEpochMs, top) =>
      happen('listPauses', () =>
        [...lists.pauses.values()].filter(({ untilEpochMs }) => untilEpochMs > afterEpochMs).slice(0, top),
      ),
    readPause: (id) => happen('readPause', () => lists.pauses.get(id)),
    writePause: (pause) =>
      happen('writePause', () => {
        if (lists.pauses.has(pause.id)) throw refusal(409, 'EntityAlreadyExists')
        lists.pauses.set(pause.id, pause)
      }),
    removePause: (id) => happen('removePause', () => lists.pauses.delete(id)),
    writeBackends: (backends) =>
      happen('writeBackends', () => {
        const keys = backends.map(({ backend }) => backendRowKeyOf(backend))
        if (backends.length > MAX_BATCH || new Set(keys).size < keys.length) throw refusal(400, 'InvalidInput')
        for (const [index, seen] of backends.entries()) lists.backends.set(keys[index] as string, seen)
      }),
    listBackends: ({ from, after, to, top }) =>
      happen('listBackends', () => {
        const found = [...lists.backends]
          .filter(([rowKey]) => rowKey >= from && rowKey < to && (after === undefined || rowKey > after))
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
        const rows = found.slice(0, top).map(([rowKey, { backend }]) => ({ rowKey, backend }))
        return { rows, more: found.length > top }
      }),
    writeDeliveries: (webhook, deliveries) =>
      happen('writeDeliveries', () => {
        if (deliveries.length > MAX_BATCH) throw refusal(400, 'InvalidInput')
        const rows = lists.deliveries.get(webhook) ?? new Map<string, UnactedDelivery>()
        lists.deliveries.set(webhook, rows)
        written += 1
        for (const [index, delivery] of deliveries.entries())
          rows.set(toDeliveryRow(webhook, delivery, `${999 - index}-${written}`).rowKey, delivery)
      }),
    listDeliveries: (webhook, sinceEpochMs, top) =>
      happen('listDeliveries', () =>
        rowsOf(webhook)
          .filter(([rowKey]) => rowKey < `${invertedTime(sinceEpochMs)}~`)
          .slice(0, top)
          .map(([, delivery]) => delivery),
      ),
    trimDeliveries: (webhook, keep) =>
      happen('trimDeliveries', () => {
        for (const [rowKey] of rowsOf(webhook).slice(keep, keep + MAX_BATCH))
          lists.deliveries.get(webhook)?.delete(rowKey)
      }),
    removeExpired: (nowEpochMs, top, mayRemove) =>
      happen('removeExpired', () => {
        const limit = new Date(nowEpochMs).toISOString()
        const expired: readonly (() => unknown)[] = [
          ...[...lists.pauses].flatMap(([id, pause]) =>
            toPauseRow(pause).expires < limit ? [() => lists.pauses.delete(id)] : [],
          ),
          ...[...lists.backends].flatMap(([rowKey, seen]) =>
            toBackendRow(seen).expires < limit ? [() => lists.backends.delete(rowKey)] : [],
          ),
          ...[...lists.deliveries].flatMap(([webhook, rows]) =>
            [...rows].flatMap(([rowKey, delivery]) =>
              toDeliveryRow(webhook, delivery, '').expires < limit ? [() => rows.delete(rowKey)] : [],
            ),
          ),
        ].slice(0, top)
        if (expired.length === 0 || !mayRemove(lists.now())) return 0
        for (const remove of expired) remove()
        return expired.length
      }),
  }
}

function refusal(statusCode: number, code: string): Error {
  return Object.assign(new Error(code), { statusCode, code })
}
