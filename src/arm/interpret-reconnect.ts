import type { ArmError, ArmFailure } from '../domain/failure.ts'
import { member, parseJson } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { ArmAnswer } from './answer.ts'
import { parseRetryAfter } from './retry-after.ts'

/** What an answer means, and whether another POST could help. */
export interface Interpretation {
  readonly result: Result<void, ArmFailure>
  /**
   * `no`: final. `again`: certainly not processed, so it may be repeated. `once`: it may have been processed, so it is repeated
   * once at most: a second reconnect does no harm, a lost one does. `with_new_token`: not processed, since the token was refused.
   */
  readonly repeat: 'no' | 'again' | 'once' | 'with_new_token'
  /** How long ARM asks to wait, in milliseconds. */
  readonly waitMs?: number
}

/** Deeper `details` are not relayed: serializing them could throw. */
const MAX_DETAILS_DEPTH = 16
/** ARM's codes are identifiers. Other text is not ARM's, and would not fit into a header. */
const CODE = /^[A-Za-z0-9._-]{1,128}$/

const ACCEPTED: Interpretation = { result: ok(undefined), repeat: 'no' }

/** Reads ARM's answer (contract, section 3). Pure. A success is a 202 that is empty or JSON, and nothing else. */
export function interpretReconnect(answer: ArmAnswer, scope: string, nowEpochMs: number): Interpretation {
  if (answer.kind === 'not_sent') {
    const reason = answer.timedOut ? 'deadline_exceeded' : 'arm_unreachable'
    return { result: err({ reason, detail: answer.detail }), repeat: 'again' }
  }
  if (answer.kind === 'lost') {
    const reason = answer.timedOut ? 'outcome_unknown' : 'arm_connection_lost'
    return { result: err({ reason, detail: answer.detail }), repeat: 'once' }
  }
  const { status, body } = answer
  if (status === 202 && body === '') return ACCEPTED
  const envelope = parseEnvelope(body)
  const detail =
    envelope === undefined ? `status ${status}, no ARM error in the body` : `${envelope.code}: ${envelope.message}`
  const retryAfter = parseRetryAfter(answer.header('retry-after'), nowEpochMs)
  const relayedWait = retryAfter === undefined ? {} : { retryAfter: retryAfter.text }
  const wait = retryAfter === undefined ? {} : { waitMs: retryAfter.waitMs }

  if (status === 202 && isEmptyOrJson(body)) return ACCEPTED
  if (status === 401 || status === 403)
    return {
      result: err({ reason: 'arm_refused_identity', status, scope, detail }),
      repeat: status === 401 ? 'with_new_token' : 'no',
    }
  if (status === 429) {
    const error = envelope ?? {
      code: 'TooManyRequests',
      message: 'Azure Resource Manager throttles requests at the moment.',
    }
    return { result: err({ reason: 'arm_throttled', status, error, ...relayedWait }), repeat: 'again', ...wait }
  }
  if (status >= 400 && status < 500 && envelope !== undefined) {
    return {
      result: err({ reason: 'arm_rejected', status, error: envelope, ...relayedWait }),
      repeat: status === 408 ? 'once' : 'no',
      ...wait,
    }
  }
  if (status === 503)
    return { result: err({ reason: 'arm_unavailable', status, detail, ...relayedWait }), repeat: 'once', ...wait }
  // 504: ARM's own wait for the resource provider (60 s) ended. The outcome is unknown, as after a time-out here.
  if (status === 504) return { result: err({ reason: 'outcome_unknown', detail }), repeat: 'once', ...wait }
  if (status >= 500) return { result: err({ reason: 'arm_failed', status, detail }), repeat: 'once', ...wait }
  return { result: err({ reason: 'arm_answer_invalid', status, detail }), repeat: 'no' }
}

function isEmptyOrJson(body: string): boolean {
  return body.trim() === '' || parseJson(body) !== undefined
}

/** ARM's `{"error":{"code","message","target"?,"details"?}}`; API Management writes `"details":null`, which is kept. */
function parseEnvelope(body: string): ArmError | undefined {
  const error = member(parseJson(body), 'error')
  const code = member(error, 'code')
  const message = member(error, 'message')
  if (typeof code !== 'string' || !CODE.test(code) || typeof message !== 'string') return undefined
  const target = member(error, 'target')
  const details = member(error, 'details')
  return {
    code,
    message,
    ...(typeof target === 'string' ? { target } : {}),
    ...(details !== undefined && isAtMostThisDeep(details, MAX_DETAILS_DEPTH) ? { details } : {}),
  }
}

function isAtMostThisDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((inner) => isAtMostThisDeep(inner, depth - 1))
}
