import { StorageFault, type Store } from '../../src/storage/store.ts'
import type { Happen } from './memory-store.ts'

/**
 * What goes wrong with one call.
 * `fails`: 503, not applied. `refuses`: 400, not applied. `answer-lost`: applied, and the caller gets a fault.
 * `late`: the caller gets a fault, and the effect comes with `applyLate`. `hangs`: no answer, not applied.
 * A function runs just before the call, as a change by another instance does.
 */
export type Mishap = 'fine' | 'fails' | 'refuses' | 'answer-lost' | 'late' | 'hangs' | (() => void)

type Call = keyof Store

/** Faults of the in-memory store, call by call, and the number of calls. */
export interface StoreFaults {
  readonly happen: Happen
  /** The next calls of this name end so, one after the other. Afterwards nothing goes wrong. */
  next(name: Call, ...mishaps: readonly Mishap[]): void
  /** Every call of these names ends so until it is set to `fine`. */
  always(mishap: Mishap, ...names: readonly Call[]): void
  calls(name: Call): number
  /** Applies what was given up, as far as it still can be. */
  applyLate(): void
}

export function createStoreFaults(): StoreFaults {
  const script = new Map<Call, Mishap[]>()
  const lasting = new Map<Call, Mishap>()
  const counts = new Map<Call, number>()
  const late: (() => unknown)[] = []

  function mishapOf(name: Call): Mishap {
    return script.get(name)?.shift() ?? lasting.get(name) ?? 'fine'
  }

  async function happen<T>(name: Call, effect: () => T): Promise<T> {
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const mishap = mishapOf(name)
    if (typeof mishap === 'function') {
      mishap()
      return effect()
    }
    switch (mishap) {
      case 'fine':
        return effect()
      case 'fails':
        throw faultOf(503, 'ServerBusy')
      case 'refuses':
        throw faultOf(400, 'PropertyValueTooLarge')
      case 'answer-lost':
        effect()
        throw faultOf(undefined, 'ECONNRESET')
      case 'late':
        late.push(effect)
        throw faultOf(undefined, 'ETIMEDOUT')
      case 'hangs':
        return new Promise(() => undefined)
    }
  }

  return {
    happen,
    next: (name, ...mishaps) => void script.set(name, [...(script.get(name) ?? []), ...mishaps]),
    always: (mishap, ...names) => names.forEach((name) => lasting.set(name, mishap)),
    calls: (name) => counts.get(name) ?? 0,
    applyLate: () => late.splice(0).forEach((effect) => effect()),
  }
}

function faultOf(statusCode: number | undefined, code: string): StorageFault {
  return new StorageFault(Object.assign(new Error(code), { statusCode, code }))
}
