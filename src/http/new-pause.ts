import type { RequestFailure } from '../domain/failure.ts'
import { MAX_PAUSE_MS, MAX_PAUSE_REASON_CHARS, type NewPause } from '../domain/pause.ts'
import { parseScope } from '../domain/scope.ts'
import { parseTimestamp } from '../domain/timestamp.ts'
import { asObject, entriesOf, member, parseJson } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** More than a scope, a webhook, a time and a reason need. */
export const MAX_PAUSE_BODY_BYTES = 8 * 1024

const MEMBERS = ['scope', 'webhook', 'until', 'reason']
/** As the policy writes them (`WEBHOOK_NAME`); whether there is one is asked later. */
const WEBHOOK_NAME = /^[a-z0-9-]{1,63}$/
/** Control and format characters, lone surrogates and separators of lines: none belongs into a log line or a page. */
const PRINTABLE = /^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u

/**
 * Reads the body of `POST /pauses` (contract, section 11). A member that is not known is refused: a misspelled `webhook` would pause all of
 * them. NOT checked: whether there is such a webhook.
 */
export function parseNewPause(body: Uint8Array | undefined, nowEpochMs: number): Result<NewPause, RequestFailure> {
  const content = body === undefined ? undefined : asObject(parseJson(body))
  if (content === undefined) return malformed('a JSON object with scope, until and reason')
  if (entriesOf(content).some(([name]) => !MEMBERS.includes(name)))
    return malformed(`no other members than ${MEMBERS.join(', ')}`)
  const scopeText = member(content, 'scope')
  const scope = typeof scopeText === 'string' ? parseScope(scopeText) : undefined
  if (scope === undefined) return malformed("'scope' to be the resource id of a subscription, or of something below it")
  if (!scope.ok) return malformed(`in 'scope' ${scope.error.expectation}`)
  const webhook = member(content, 'webhook')
  if (webhook !== undefined && !(typeof webhook === 'string' && WEBHOOK_NAME.test(webhook)))
    return malformed("'webhook' to be the name of a webhook of the policy")
  const until = member(content, 'until')
  const untilEpochMs = typeof until === 'string' ? parseTimestamp(until) : undefined
  if (untilEpochMs === undefined) return malformed("'until' to be a time as in RFC 3339, such as 2026-01-31T12:00:00Z")
  if (untilEpochMs <= nowEpochMs) return malformed("'until' to be in the future")
  if (untilEpochMs > nowEpochMs + MAX_PAUSE_MS) return malformed("'until' to be at most 24 hours ahead")
  const reason = member(content, 'reason')
  if (!isReason(reason)) return malformed(`'reason' to be 1 to ${MAX_PAUSE_REASON_CHARS} printable characters`)
  return ok({
    scope: scope.value,
    ...(webhook === undefined ? {} : { webhook }),
    until: until as string,
    untilEpochMs,
    reason,
  })
}

function isReason(value: unknown): value is string {
  return (
    typeof value === 'string' && value.trim() !== '' && value.length <= MAX_PAUSE_REASON_CHARS && PRINTABLE.test(value)
  )
}

function malformed(expectation: string): Result<never, RequestFailure> {
  return err({ reason: 'body_malformed', expectation })
}
