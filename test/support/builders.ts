import { parseBackendParts, type Backend, type BackendParts } from '../../src/domain/backend-id.ts'
import { parsePrincipal, type Caller, type Principal } from '../../src/domain/caller.ts'
import type { ReconnectCommand } from '../../src/domain/command.ts'
import { parseAfter, type Duration } from '../../src/domain/duration.ts'
import type { Action } from '../../src/domain/failure.ts'
import { parseScope } from '../../src/domain/scope.ts'
import { authorize, type AuthorizedReconnect } from '../../src/policy/authorize.ts'
import { createGrantIndex, type GrantIndex } from '../../src/policy/grant-index.ts'
import type { RequestIds } from '../../src/reconnect/ports.ts'
import type { Clock } from '../../src/shared/clock.ts'
import type { Deadline } from '../../src/shared/deadline.ts'

/** One valid value of each kind, made by the parsers that serve requests. A test changes only what it is about. */
export const PARTS: BackendParts = {
  subscriptionId: '0b1f6471-1bf0-4dda-aec3-111122223333',
  resourceGroupName: 'rg-apim',
  serviceName: 'apim-prod',
  backendId: 'orders',
}
export const TOOL_ID = '11112222-bbbb-3333-cccc-4444dddd5555'
export const IDS: RequestIds = {
  correlationId: 'c0ffee00-0000-4000-8000-000000000001',
  clientRequestId: 'c0ffee00-0000-4000-8000-000000000002',
}

/** The policy's default loop guard. */
export const A_LIMIT = { count: 6, window: 'PT1H', windowMs: 3_600_000 }

export function aBackend(change: Partial<BackendParts> = {}): Backend {
  const backend = parseBackendParts({ ...PARTS, ...change })
  if (!backend.ok) throw new TypeError(`the builder was given an invalid ${backend.error.segment}`)
  return backend.value
}

export function aPrincipal(text: string): Principal {
  const principal = parsePrincipal(text)
  if (principal === undefined) throw new TypeError(`the builder was given no principal: ${text}`)
  return principal
}

export function aCaller(change: Partial<Caller> = {}): Caller {
  return { kind: 'app', id: TOOL_ID, principals: [aPrincipal(`app:${TOOL_ID}`)], ...change }
}

export function aDuration(text: string): Duration {
  const duration = parseAfter(text)
  if (!duration.ok) throw new TypeError(`the builder was given no duration: ${text}`)
  return duration.value
}

export function aCommand(change: Partial<ReconnectCommand> = {}): ReconnectCommand {
  return { backend: aBackend(), apiVersion: '2024-05-01', dryRun: false, force: false, ...change }
}

/** Grants for the builder's caller; no grant for an empty list of actions. */
export function someGrants(actions: readonly Action[] = ['reconnect'], scopeText = aBackend().resourceId): GrantIndex {
  const scope = parseScope(scopeText)
  if (!scope.ok) throw new TypeError(`the builder was given no scope: ${scopeText}`)
  return createGrantIndex(
    actions.length === 0 ? [] : [{ index: 0, principal: aPrincipal(`app:${TOOL_ID}`), scope: scope.value, actions }],
  )
}

/** Permission for a command, from `authorize` itself. */
export function aPermit(change: Partial<ReconnectCommand> = {}): AuthorizedReconnect {
  const command = aCommand(change)
  const permit = authorize(
    aCaller(),
    command,
    someGrants(['reconnect', 'force'], `/subscriptions/${command.backend.subscriptionId}`),
  )
  if (!permit.ok) throw new TypeError('the builder was given a command that it does not grant')
  return permit.value
}

/** A deadline by the given clock only: it has no timer, and its signal aborts only when the test says so. */
export function aDeadline(clock: Clock, durationMs = 30_000): Deadline & { abort(): void } {
  const atEpochMs = clock.now() + durationMs
  const controller = new AbortController()
  return {
    atEpochMs,
    signal: controller.signal,
    remainingMs: () => Math.max(0, atEpochMs - clock.now()),
    dispose: () => undefined,
    abort: () => controller.abort(),
  }
}
