import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { EntraConfig } from '../../../src/config/config.ts'
import type { Caller } from '../../../src/domain/caller.ts'
import type { AuthenticationFailure } from '../../../src/domain/failure.ts'
import { createAuthenticator, type Authenticator } from '../../../src/identity/authenticator.ts'
import type { Credentials } from '../../../src/identity/credentials.ts'
import type { HttpGet } from '../../../src/identity/http-get.ts'
import type { Clock } from '../../../src/shared/clock.ts'
import { createDeadline, type Deadline } from '../../../src/shared/deadline.ts'
import { systemClock } from '../../../src/shared/clock.ts'
import type { Result } from '../../../src/shared/result.ts'
import { API_ID, aToken, TENANT_ID, type TokenChange } from '../../support/token-mint.ts'
import { startIssuer, type LoopbackIssuer } from './loopback-issuer.ts'

/** 15 January 2027, 08:00:00 UTC, in seconds. */
export const NOW = 1_800_000_000

/** A clock that stands still until a test moves it. Nothing wakes by it: who waits in this room has a deadline by the system's clock. */
export class FakeClock implements Clock {
  #nowEpochMs = NOW * 1000
  now(): number {
    return this.#nowEpochMs
  }
  advance(ms: number): void {
    this.#nowEpochMs += ms
  }
  after(): () => void {
    return () => undefined
  }
  sleep(_: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted === true) resolve()
      signal?.addEventListener('abort', () => resolve())
    })
  }
}

/** The room with a loopback issuer and a clock that a test moves. */
export interface IdentityRoom {
  readonly authenticator: Authenticator
  readonly issuer: LoopbackIssuer
  readonly clock: FakeClock
  readonly entra: EntraConfig
  readonly logged: string[]
  /** What makes a token one of this issuer and of this moment. */
  now(): { readonly authority: string; readonly nowEpochSeconds: number }
  /** A token that is valid here and now, but for the change. */
  aToken(change?: TokenChange): string
  authenticate(credentials: Partial<Credentials>, deadlineMs?: number): Promise<Result<Caller, AuthenticationFailure>>
  authenticateToken(token: string, deadlineMs?: number): Promise<Result<Caller, AuthenticationFailure>>
  deadline(ms?: number): Deadline
}

export interface RoomOptions {
  readonly appServiceAuthentication?: boolean
  readonly get?: HttpGet
}

export async function openRoom(t: TestContext, options: RoomOptions = {}): Promise<IdentityRoom> {
  const issuer = await startIssuer()
  t.after(() => issuer.close())
  const clock = new FakeClock()
  const entra = entraConfig(issuer.authority)
  const logged: string[] = []
  const note = (message: string): void => void logged.push(message)
  const log = { info: note, warn: note, error: note }
  const authenticator = createAuthenticator({ entra, appServiceAuthentication: false, clock, log, ...options })

  function deadline(ms = 4_000): Deadline {
    const made = createDeadline(systemClock, ms)
    t.after(() => made.dispose())
    return made
  }

  const now: IdentityRoom['now'] = () => ({ authority: issuer.authority, nowEpochSeconds: clock.now() / 1000 })
  const authenticate: IdentityRoom['authenticate'] = (credentials, deadlineMs) =>
    authenticator.authenticate(
      { authorization: undefined, clientPrincipal: undefined, ...credentials },
      deadline(deadlineMs),
    )

  return {
    authenticator,
    issuer,
    clock,
    entra,
    logged,
    now,
    aToken: (change) => aToken({ ...now(), ...change }),
    authenticate,
    authenticateToken: (token, deadlineMs) => authenticate({ authorization: `Bearer ${token}` }, deadlineMs),
    deadline,
  }
}

export function entraConfig(authority = 'https://login.microsoftonline.com'): EntraConfig {
  return {
    tenantId: TENANT_ID,
    audiences: [API_ID, `api://${API_ID}`],
    authority,
    scopes: ['Reconnect.Invoke', 'user_impersonation'],
  }
}

export function assertAccepted(result: Result<Caller, AuthenticationFailure>): Caller {
  assert.ok(result.ok, result.ok ? '' : `refused: ${result.error.reason} ${result.error.detail ?? ''}`)
  return result.value
}

export function assertRefused<E extends { readonly reason: string }>(
  result: Result<unknown, E>,
  reason: E['reason'],
  detail?: RegExp,
): E {
  assert.ok(!result.ok, 'accepted')
  assert.equal(result.error.reason, reason)
  if (detail !== undefined) assert.match('detail' in result.error ? String(result.error.detail) : '', detail)
  return result.error
}
