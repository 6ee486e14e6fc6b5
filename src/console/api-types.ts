/** What the API answers (GET /openapi.json), as far as the page shows it. */
export interface Caller {
  readonly kind: string
  readonly id: string
  readonly name?: string
}

export interface Effect {
  readonly verdict: string
  readonly since?: string
  readonly decideBy?: string
  readonly decidedAt?: string
  readonly evidence?: readonly { readonly kind: string; readonly at: string; readonly alertId?: string }[]
}

export interface Operation {
  readonly id: string
  readonly backend: string
  readonly state: string
  readonly joined?: string
  readonly after?: string
  readonly due?: string
  readonly requestedAt: string
  readonly updatedAt: string
  readonly ambiguous?: boolean
  readonly reason?: string
  readonly caller: Caller
  readonly trigger: {
    readonly kind: string
    readonly webhook?: string
    readonly alertId?: string
    readonly alertRule?: string
  }
  readonly joinedCount?: number
  readonly attempts: number
  readonly arm?: { readonly status: number; readonly requestId?: string; readonly correlationId?: string }
  readonly error?: { readonly code: string; readonly message: string }
  readonly effect?: Effect
}

export interface Page<T> {
  readonly value: readonly T[]
  readonly nextLink?: string
}

export interface Pause {
  readonly id: string
  readonly scope: string
  readonly webhook?: string
  readonly until: string
  readonly reason: string
  readonly createdAt?: string
  readonly createdBy?: Caller
}

export interface BackendStatus {
  readonly id: string
  readonly actions: readonly string[]
  readonly scheduled?: { readonly operation: string; readonly due: string }
  readonly inFlight?: { readonly operation: string }
  readonly paused?: Pause
  readonly last?: Operation
}

export interface Delivery {
  readonly at: string
  readonly outcome: string
  readonly reason?: string
  readonly alertRule?: string
  readonly alertId?: string
  readonly backend?: string
  readonly omitted?: number
}

export interface Grants {
  readonly caller: Caller
  readonly principals: readonly string[]
  readonly grants: readonly { readonly scope: string; readonly actions: readonly string[] }[]
}
