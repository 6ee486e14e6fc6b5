export type FaultTarget = 'arm' | 'identity' | 'issuer'

/** A failure that a test or a person switches on. */
export interface Fault {
  readonly target: FaultTarget
  /** A status such as `503`, or one of the kinds listed for the target. */
  readonly kind: string
  /** Resource id of a service or backend; without it, everything of the target. */
  readonly scope?: string
  /** How many requests it applies to; without it, all until it is cleared. */
  readonly times?: number
  /** Text of the Retry-After header; without it, none. */
  readonly retryAfter?: string
  /** For `slow`. */
  readonly delayMs?: number
  /** The request takes effect although its answer is an error. */
  readonly tookEffect?: boolean
  /** Where a redirect leads: the same origin (default) or another one. */
  readonly to?: 'same' | 'other'
  /** Instead of the error that the service would write. */
  readonly code?: string
  readonly message?: string
  readonly details?: unknown
}

/** Kinds that apply to a connection before there is a request on it; they take no scope. */
const CONNECTION_KINDS = ['close', 'wrong-certificate'] as const
export type ConnectionFault = (typeof CONNECTION_KINDS)[number]

const KINDS: Readonly<Record<FaultTarget, readonly string[]>> = {
  arm: [
    'hang',
    'slow',
    'reset-before',
    'reset-after',
    'html-200',
    'html-202',
    'redirect-302',
    'redirect-307',
    'write-budget',
    'close',
    'wrong-certificate',
  ],
  identity: ['hang', 'slow', 'expired-token', 'garbage', 'garbage-token', 'close'],
  issuer: ['hang', 'slow', 'garbage', 'close'],
}

export class FaultError extends Error {}

export interface Faults {
  /** Replaces every fault; they are used in the given order. */
  set(faults: readonly Fault[]): void
  add(fault: Fault): void
  clear(target?: FaultTarget): void
  list(): readonly Fault[]
  /** The fault that applies to this request; its count goes down by one. */
  takeForRequest(target: FaultTarget, resourceId?: string): Fault | undefined
  /** The fault that applies to this connection; its count goes down by one. */
  takeForConnection(target: FaultTarget): ConnectionFault | undefined
  /** Called when connections that are open must not outlive a change. */
  onConnectionFault(listener: (target: FaultTarget) => void): void
}

/** The faults that are switched on. The servers of the simulation ask here before they answer. */
export function createFaults(): Faults {
  let active: { readonly fault: Fault; left: number }[] = []
  const listeners: ((target: FaultTarget) => void)[] = []

  function add(fault: Fault): void {
    active.push({ fault, left: fault.times ?? Infinity })
    if (isConnectionKind(fault.kind)) listeners.forEach((listener) => listener(fault.target))
  }

  function take(matches: (fault: Fault) => boolean): Fault | undefined {
    const found = active.find((entry) => matches(entry.fault))
    if (found === undefined) return undefined
    found.left -= 1
    if (found.left <= 0) active = active.filter((entry) => entry !== found)
    return found.fault
  }

  return {
    set(faults) {
      const checked = faults.map(checkFault)
      active = []
      checked.forEach(add)
    },
    add: (fault) => add(checkFault(fault)),
    clear(target) {
      active = target === undefined ? [] : active.filter((entry) => entry.fault.target !== target)
    },
    list: () => active.map(({ fault, left }) => (left === Infinity ? fault : { ...fault, times: left })),
    takeForRequest: (target, resourceId = '') =>
      take((fault) => fault.target === target && !isConnectionKind(fault.kind) && covers(fault.scope, resourceId)),
    takeForConnection: (target) =>
      take((fault) => fault.target === target && isConnectionKind(fault.kind))?.kind as ConnectionFault | undefined,
    onConnectionFault: (listener) => void listeners.push(listener),
  }
}

function isConnectionKind(kind: string): boolean {
  return (CONNECTION_KINDS as readonly string[]).includes(kind)
}

/** A scope covers itself and everything below it, segment by segment and without regard to case. */
function covers(scope: string | undefined, resourceId: string): boolean {
  return scope === undefined || `${resourceId.toLowerCase()}/`.startsWith(`${scope.toLowerCase()}/`)
}

function checkFault(fault: Fault): Fault {
  const kinds = Object.hasOwn(KINDS, fault.target) ? KINDS[fault.target] : undefined
  if (kinds === undefined) throw new FaultError(`target is one of ${Object.keys(KINDS).join(', ')}`)
  if (!kinds.includes(fault.kind) && !/^[45][0-9]{2}$/.test(fault.kind)) {
    throw new FaultError(`kind of ${fault.target} is an error status such as "503", or one of ${kinds.join(', ')}`)
  }
  if (fault.times !== undefined && !(Number.isInteger(fault.times) && fault.times > 0))
    throw new FaultError('times is a positive integer')
  if (fault.scope !== undefined && isConnectionKind(fault.kind))
    throw new FaultError(`${fault.kind} applies to connections, so it takes no scope`)
  return fault
}
