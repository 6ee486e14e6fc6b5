import type { Pause } from '../../src/domain/pause.ts'
import { parseScope, type Scope } from '../../src/domain/scope.ts'
import { createPauseId } from '../../src/storage/keys.ts'
import { aBackend } from './builders.ts'
import { START_EPOCH_MS } from './fake-clock.ts'

export function aScope(text = aBackend().resourceId): Scope {
  const scope = parseScope(text)
  if (!scope.ok) throw new TypeError(`the builder was given no scope: ${text}`)
  return scope.value
}

/** The scopes above the builder's backend. */
export const SERVICE = aBackend().resourceId.slice(0, aBackend().resourceId.indexOf('/backends/'))
export const GROUP = SERVICE.slice(0, SERVICE.indexOf('/providers/'))
export const SUBSCRIPTION = GROUP.slice(0, GROUP.indexOf('/resourceGroups/'))

/** Of the builder's backend, for an hour. */
export function aPause({
  untilEpochMs = START_EPOCH_MS + 3_600_000,
  scope = aScope(),
  id = createPauseId(),
  ...change
}: Partial<Pause> = {}): Pause {
  return {
    id,
    scope,
    until: new Date(untilEpochMs).toISOString(),
    untilEpochMs,
    reason: 'maintenance',
    createdAt: new Date(START_EPOCH_MS).toISOString(),
    createdBy: { kind: 'user', id: 'ada' },
    ...change,
  }
}
