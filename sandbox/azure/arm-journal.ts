/** One request as ARM received it; the token is left out. */
export interface ReceivedRequest {
  readonly at: string
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** What was answered; absent while it has not been, and where the answer was withheld. */
  status?: number
}

/** A reconnect that took effect, whatever the caller was told. */
export interface Effect {
  readonly at: string
  /** Resource id as the caller spelled it. */
  readonly backend: string
  readonly after?: string
}

/** More requests than this are counted, not kept. */
const MAX_KEPT = 10_000

/** What ARM received, and apart from that what took effect. */
export interface ArmJournal {
  received(request: ReceivedRequest): ReceivedRequest
  tookEffect(effect: Effect): void
  requests(): readonly ReceivedRequest[]
  effects(): readonly Effect[]
  counts(): {
    readonly received: number
    readonly tookEffect: number
    readonly byBackend: Readonly<Record<string, number>>
  }
  clear(): void
}

export function createArmJournal(): ArmJournal {
  let requests: ReceivedRequest[] = []
  let effects: Effect[] = []
  let received = 0
  let byBackend = new Map<string, number>()

  function keep<T>(list: T[], item: T): void {
    if (list.length < MAX_KEPT) list.push(item)
  }

  return {
    received(request) {
      received += 1
      keep(requests, request)
      return request
    },
    tookEffect(effect) {
      keep(effects, effect)
      const key = effect.backend.toLowerCase()
      byBackend.set(key, (byBackend.get(key) ?? 0) + 1)
    },
    requests: () => requests,
    effects: () => effects,
    counts: () => ({
      received,
      tookEffect: [...byBackend.values()].reduce((sum, count) => sum + count, 0),
      byBackend: Object.fromEntries(byBackend),
    }),
    clear() {
      requests = []
      effects = []
      received = 0
      byBackend = new Map()
    },
  }
}
