import type { CryptoKey } from 'jose'
import type { AuthenticationFailure } from '../domain/failure.ts'
import { createCircuitBreaker, type CircuitBreaker, type OpenCircuit } from '../shared/circuit-breaker.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Log } from '../shared/log.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { createSingleFlight } from '../shared/single-flight.ts'
import { TIMED_OUT, within } from '../shared/within.ts'
import { quote } from './credential-refusal.ts'
import { ISSUER_TIMEOUT_MS } from './fetch-json.ts'
import type { IssuerDocuments } from './issuer-documents.ts'
import type { SigningKeys } from './signing-keys.ts'

/** Entra rotates its keys without notice and recommends a refresh about once a day. */
export const REFRESH_AFTER_MS = 24 * 3_600_000
/** Contract, section 4: known keys stay valid for 24 h more while the issuer cannot be reached. */
export const USABLE_FOR_MS = REFRESH_AFTER_MS + 24 * 3_600_000
/** A flood of invented key ids, or of callers while the issuer is down, costs the issuer one request per this time. */
export const COOL_DOWN_MS = 30_000
/** Without any key no token can be judged: the issuer is asked again sooner, by one request for all callers. */
export const COLD_COOL_DOWN_MS = 5_000

export interface IssuerKeys {
  find(keyId: string, deadline: Deadline): Promise<Result<CryptoKey, AuthenticationFailure>>
  /** Whether tokens can be judged: there are keys, or one request just now brought them. */
  known(deadline: Deadline): Promise<boolean>
}

interface HeldKeys {
  readonly keys: SigningKeys
  readonly address: string
  /** When the metadata was read. Decides when it is read again; requests for unknown keys do not delay that. */
  readonly loadedAtEpochMs: number
  /** When the issuer last published these keys. Decides how long they may be used. */
  readonly confirmedAtEpochMs: number
}

/**
 * The issuer's keys, in one of three ages:
 *
 *     loaded ──── fresh ────▶ 24 h ──── usable, loaded again in the background ────▶ 48 h ──── not usable: 503 until loaded
 *
 * Loading (metadata, then keys) and renewing for an unknown key id (keys only) have a cool-down each: a key that was rotated seconds after the
 * start is found at once, and a stranger cannot use up the one cool-down to stop the other.
 *
 * Accepted: a key that is rotated within a cool-down is refused for at most 30 s. Each instance asks for itself.
 */
export function createIssuerKeys(documents: IssuerDocuments, clock: Clock, log: Log): IssuerKeys {
  const breaker = (openMs: number): CircuitBreaker => createCircuitBreaker({ clock, openAfterFaults: 1, openMs })
  const [cold, warm, renewing] = [breaker(COLD_COOL_DOWN_MS), breaker(COOL_DOWN_MS), breaker(COOL_DOWN_MS)]
  let held: HeldKeys | undefined
  let renewedAtEpochMs = -Infinity
  let sent = 0
  let heldFrom = 0

  /** A late answer never replaces the answer to a request that was sent after it. */
  function keep(order: number, next: HeldKeys): void {
    if (order < heldFrom) return
    heldFrom = order
    held = next
  }

  function usable(): HeldKeys | undefined {
    return held !== undefined && clock.now() < held.confirmedAtEpochMs + USABLE_FOR_MS ? held : undefined
  }

  const load = createSingleFlight(async function loadKeys() {
    const address = await documents.fetchKeysAddress()
    const order = ++sent
    const keys = address.ok ? await documents.fetchKeys(address.value) : address
    const now = clock.now()
    if (!address.ok || !keys.ok) {
      const detail = keys.ok ? 'unknown' : keys.error
      ;(usable() === undefined ? cold : warm).failed(detail)
      log.warn(`The token issuer's keys could not be loaded: ${detail}`)
      return
    }
    cold.succeeded()
    warm.succeeded()
    keep(order, { keys: keys.value, address: address.value, loadedAtEpochMs: now, confirmedAtEpochMs: now })
    log.info(`Loaded the token issuer's keys: ${keys.value.size}`)
  })

  const renew = createSingleFlight(async function renewKeys() {
    const order = ++sent
    const before = held
    if (before === undefined) throw new Error('keys are renewed only when there are some')
    const sentAtEpochMs = clock.now()
    const keys = await documents.fetchKeys(before.address)
    if (!keys.ok) {
      renewing.failed(keys.error)
      log.warn(`The token issuer could not be asked for an unknown key: ${keys.error}`)
      return
    }
    renewedAtEpochMs = sentAtEpochMs
    renewing.succeeded()
    keep(order, { ...before, keys: keys.value, confirmedAtEpochMs: clock.now() })
  })

  function unavailable({ detail, untilEpochMs }: OpenCircuit): Result<never, AuthenticationFailure> {
    const retryAfterSeconds = Math.max(1, Math.ceil((untilEpochMs - clock.now()) / 1000))
    return err({ reason: 'keys_unavailable', detail, retryAfterSeconds })
  }

  /** Waits for `request`, unless it has just failed. Undefined: it succeeded. */
  async function waitFor(request: () => Promise<void>, guard: CircuitBreaker, deadline: Deadline) {
    const before = guard.opened()
    if (before !== undefined) return unavailable(before)
    const answer = await within(request(), deadline.remainingMs(), clock, deadline.signal)
    if (answer === TIMED_OUT) {
      const detail = 'the issuer did not answer within the deadline'
      return unavailable({ detail, untilEpochMs: clock.now() + ISSUER_TIMEOUT_MS })
    }
    const after = guard.opened()
    return after === undefined ? undefined : unavailable(after)
  }

  function current(): HeldKeys | undefined {
    const keys = usable()
    if (keys !== undefined && clock.now() >= keys.loadedAtEpochMs + REFRESH_AFTER_MS && !warm.isOpen()) void load()
    return keys
  }

  function lookUp(keyId: string): Result<CryptoKey, AuthenticationFailure> {
    const key = held?.keys.get(keyId)
    return key === undefined ? err({ reason: 'token_key_unknown', detail: `kid ${quote(keyId)}` }) : ok(key)
  }

  return {
    async find(keyId, deadline) {
      // Keys that arrive now are as new as possible: a key id that is not among them is unknown, without a second request.
      if (current() === undefined) return (await waitFor(load, cold, deadline)) ?? lookUp(keyId)
      const found = lookUp(keyId)
      const renewedLately = clock.now() < renewedAtEpochMs + COOL_DOWN_MS
      return found.ok || renewedLately ? found : ((await waitFor(renew, renewing, deadline)) ?? lookUp(keyId))
    },

    async known(deadline) {
      return current() !== undefined || (await waitFor(load, cold, deadline)) === undefined
    },
  }
}
