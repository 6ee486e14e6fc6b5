import type { CryptoKey } from 'jose'
import type { AuthenticationFailure } from '../domain/failure.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Log } from '../shared/log.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { quote } from './credential-refusal.ts'
import { ISSUER_TIMEOUT_MS } from './fetch-json.ts'
import type { IssuerDocuments } from './issuer-documents.ts'
import type { SigningKeys } from './signing-keys.ts'
import { createSingleFlight } from '../shared/single-flight.ts'
import { TIMED_OUT, within } from '../shared/within.ts'

/** Entra rotates its keys without notice and asks for a look about once a day. */
export const REFRESH_AFTER_MS = 24 * 3_600_000
/** Old keys are used for another day when the issuer cannot be reached; after that a withdrawn key must have stopped counting. */
export const USABLE_FOR_MS = REFRESH_AFTER_MS + 24 * 3_600_000
/** What a flood of made-up key ids, or of callers while the issuer is down, costs the issuer: one attempt per this time. */
export const COOL_DOWN_MS = 30_000
/** With no key at all nobody can be judged: the issuer is asked again sooner, by one request for all who wait. */
export const COLD_COOL_DOWN_MS = 5_000

export interface IssuerKeys {
  find(keyId: string, deadline: Deadline): Promise<Result<CryptoKey, AuthenticationFailure>>
  /** Whether tokens can be judged: keys are held, or could be had just now. */
  known(deadline: Deadline): Promise<boolean>
}

interface HeldKeys {
  readonly keys: SigningKeys
  readonly address: string
  /** When the metadata was read: decides when to read it again, so that requests for unknown keys do not put that off. */
  readonly loadedAtEpochMs: number
  /** When the issuer last vouched for these keys: decides how long they may be used. */
  readonly confirmedAtEpochMs: number
}

/** Why the last attempt failed, absent when it did not, and when there may be another. */
interface Attempt {
  readonly failure?: string
  readonly nextAtEpochMs: number
}

/**
 * The issuer's keys, in one of three ages:
 *
 *     loaded ──── fresh ────▶ 24 h ──── usable, renewed behind the callers' backs ────▶ 48 h ──── not usable: 503 until loaded
 *
 * Loading (metadata, then keys) and asking again for an unknown key (keys only) are two errands with a cool-down each: a key that was
 * rotated seconds after the start is found at once, and a stranger cannot spend the one cool-down to stop the other.
 *
 * Accepted: while a cool-down lasts, a key rotated within it is refused, for at most 30 s; and each instance asks for itself.
 */
export function createIssuerKeys(documents: IssuerDocuments, clock: Clock, log: Log): IssuerKeys {
  let held: HeldKeys | undefined
  let lastLoad: Attempt | undefined
  let lastRenewal: Attempt | undefined
  let started = 0
  let heldSince = 0

  /** A late answer never replaces that of a request which was sent after it. */
  function hold(order: number, next: HeldKeys): void {
    if (order < heldSince) return
    heldSince = order
    held = next
  }

  const load = createSingleFlight(async function loadKeys() {
    const address = await documents.fetchKeysAddress()
    const order = ++started
    const keys = address.ok ? await documents.fetchKeys(address.value) : address
    const now = clock.now()
    if (!address.ok || !keys.ok) {
      const failure = keys.ok ? 'unknown' : keys.error
      lastLoad = { failure, nextAtEpochMs: now + (usable() === undefined ? COLD_COOL_DOWN_MS : COOL_DOWN_MS) }
      log.warn(`The token issuer's keys could not be loaded: ${failure}`)
      return
    }
    lastLoad = { nextAtEpochMs: now }
    hold(order, { keys: keys.value, address: address.value, loadedAtEpochMs: now, confirmedAtEpochMs: now })
    log.info(`Loaded the token issuer's keys: ${keys.value.size}`)
  })

  const renew = createSingleFlight(async function renewKeys() {
    const order = ++started
    const before = held
    if (before === undefined) throw new Error('keys are renewed only when there are some')
    const nextAtEpochMs = clock.now() + COOL_DOWN_MS
    const keys = await documents.fetchKeys(before.address)
    lastRenewal = keys.ok ? { nextAtEpochMs } : { failure: keys.error, nextAtEpochMs }
    if (keys.ok) hold(order, { ...before, keys: keys.value, confirmedAtEpochMs: clock.now() })
    else log.warn(`The token issuer could not be asked for an unknown key: ${keys.error}`)
  })

  function usable(): HeldKeys | undefined {
    return held !== undefined && clock.now() < held.confirmedAtEpochMs + USABLE_FOR_MS ? held : undefined
  }

  function coolingDown(last: Attempt | undefined): last is Attempt {
    return last !== undefined && clock.now() < last.nextAtEpochMs
  }

  function loadBehindTheirBacks(current: HeldKeys): void {
    if (clock.now() >= current.loadedAtEpochMs + REFRESH_AFTER_MS && !coolingDown(lastLoad)) void load()
  }

  function unavailable(detail: string, nextAtEpochMs: number): Result<never, AuthenticationFailure> {
    const retryAfterSeconds = Math.max(1, Math.ceil((nextAtEpochMs - clock.now()) / 1000))
    return err({ reason: 'keys_unavailable', detail, retryAfterSeconds })
  }

  /** Waits for one of the two errands, or says why there is no point. Undefined: it succeeded. */
  async function waitFor(errand: () => Promise<void>, last: () => Attempt | undefined, deadline: Deadline) {
    const before = last()
    if (coolingDown(before) && before.failure !== undefined) return unavailable(before.failure, before.nextAtEpochMs)
    if ((await within(errand(), deadline.remainingMs(), clock, deadline.signal)) === TIMED_OUT)
      return unavailable('the issuer did not answer within the deadline', clock.now() + ISSUER_TIMEOUT_MS)
    const after = last()
    return after?.failure === undefined ? undefined : unavailable(after.failure, after.nextAtEpochMs)
  }

  function lookUp(keyId: string): Result<CryptoKey, AuthenticationFailure> {
    const key = held?.keys.get(keyId)
    return key === undefined ? err({ reason: 'token_key_unknown', detail: `kid ${quote(keyId)}` }) : ok(key)
  }

  return {
    async find(keyId, deadline) {
      const current = usable()
      if (current === undefined) {
        // What arrives now is as new as it gets: a key that is not in it is unknown, without asking twice.
        return (await waitFor(load, () => lastLoad, deadline)) ?? lookUp(keyId)
      }
      loadBehindTheirBacks(current)
      const found = current.keys.get(keyId)
      if (found !== undefined) return ok(found)
      if (coolingDown(lastRenewal) && lastRenewal.failure === undefined) return lookUp(keyId)
      return (await waitFor(renew, () => lastRenewal, deadline)) ?? lookUp(keyId)
    },

    async known(deadline) {
      const current = usable()
      if (current === undefined) return (await waitFor(load, () => lastLoad, deadline)) === undefined
      loadBehindTheirBacks(current)
      return true
    },
  }
}
