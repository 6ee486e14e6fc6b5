import { parseBackendParts, type BackendParts } from '../domain/backend-id.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import { parseAfter, type Duration } from '../domain/duration.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { foldAscii } from '../domain/segments.ts'
import { asObject, entriesOf, member, parseJson, type JsonObject } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** A request as plain facts: what the host matched, decoded once and by the host alone. */
export interface ReconnectFacts {
  readonly path: Partial<Record<keyof BackendParts, string>>
  /** Every name and value of the query; ARM's parameter names match without regard to case. */
  readonly query: Iterable<readonly [name: string, value: string]>
  /** The headers of this name. */
  readonly dryRun: string | undefined
  readonly force: string | undefined
  readonly reason: string | undefined
  readonly body: Uint8Array | undefined
}

export interface ApiVersions {
  readonly supported: readonly string[]
  readonly fallback: string
}

/** The right form, for messages about a wrong one. */
export const BODY_EXAMPLE = '{"properties":{"after":"PT5M"}}'

/** Contract, section 3: enough for a ticket number and a sentence, and short in a log line. */
export const MAX_REASON_CHARS = 200
const REASON = new RegExp(`^[ -~]{1,${MAX_REASON_CHARS}}$`)

/** Body, query and headers first, then the target (contract, section 2): pure, and nothing is sent on account of it. */
export function parseReconnectCommand(
  facts: ReconnectFacts,
  versions: ApiVersions,
): Result<ReconnectCommand, RequestFailure> {
  const after = parseBody(facts.body)
  if (!after.ok) return after
  const query = [...facts.query].map(([name, value]) => [foldAscii(name), value] as const)
  if (query.some(([name]) => name === 'after')) return err(AFTER_IN_QUERY)
  const apiVersion = parseApiVersion(query, versions)
  if (!apiVersion.ok) return apiVersion
  const dryRun = parseFlag('x-reconnect-dry-run', facts.dryRun)
  if (!dryRun.ok) return dryRun
  const force = parseFlag('x-reconnect-force', facts.force)
  if (!force.ok) return force
  const reason = parseReason(facts.reason)
  if (!reason.ok) return reason
  const backend = parseBackendParts(facts.path)
  if (!backend.ok) return err({ reason: 'segment_invalid', segment: backend.error.segment })
  return ok({
    backend: backend.value,
    apiVersion: apiVersion.value,
    ...(after.value === undefined ? {} : { after: after.value }),
    dryRun: dryRun.value,
    force: force.value,
    ...(reason.value === undefined ? {} : { reason: reason.value }),
  })
}

/** The body of Backend - Reconnect. Members beside `properties.after` are ignored, as ARM ignores them; JSON `null` is an absent body. */
function parseBody(body: Uint8Array | undefined): Result<Duration | undefined, RequestFailure> {
  if (body === undefined) return ok(undefined)
  const content = parseJson(body)
  if (content === null) return ok(undefined)
  const request = asObject(content)
  if (request === undefined) return err(BODY_MALFORMED)
  if (hasMisplacedAfter(request)) return err(AFTER_MISPLACED)
  const properties = member(request, 'properties') ?? {}
  if (asObject(properties) === undefined) return err(BODY_MALFORMED)
  const after = member(properties, 'after') ?? undefined
  if (after === undefined) return ok(undefined)
  const duration = parseAfter(after)
  return duration.ok ? duration : err({ reason: 'duration_invalid', fault: duration.error })
}

const BODY_MALFORMED: RequestFailure = {
  reason: 'body_malformed',
  expectation: `a JSON object such as ${BODY_EXAMPLE}`,
}
const AFTER_MISPLACED: RequestFailure = {
  reason: 'body_malformed',
  expectation: `'after' inside 'properties', both in lower case, and nowhere else, as in ${BODY_EXAMPLE}`,
}
const AFTER_IN_QUERY: RequestFailure = {
  reason: 'parameter_invalid',
  parameter: 'after',
  expectation: `left out: 'after' belongs into the body, as in ${BODY_EXAMPLE}`,
}

/**
 * Whether there is an `after` where ARM does not look for it: at the top level, or with either name in another letter case. ARM would ignore
 * it without an error. `null` asks for nothing, so nothing is lost.
 */
function hasMisplacedAfter(request: JsonObject): boolean {
  return entriesOf(request).some(([name, value]) => {
    if (isNamed(name, 'after')) return value !== null
    if (!isNamed(name, 'properties')) return false
    return entriesOf(value).some(
      ([inner, after]) => isNamed(inner, 'after') && after !== null && !(name === 'properties' && inner === 'after'),
    )
  })
}

function isNamed(name: string, wanted: string): boolean {
  return name.length === wanted.length && foldAscii(name) === wanted
}

function parseApiVersion(
  query: readonly (readonly [name: string, value: string])[],
  { supported, fallback }: ApiVersions,
): Result<string, RequestFailure> {
  const [version = fallback, ...more] = query.filter(([name]) => name === 'api-version').map(([, value]) => value)
  return more.length === 0 && supported.includes(version)
    ? ok(version)
    : err({ reason: 'api_version_invalid', supported })
}

/** Only `true` and `false` are read: a misspelled dry run that was sent for real would be the worst of misunderstandings. */
function parseFlag(header: string, text: string | undefined): Result<boolean, RequestFailure> {
  const value = text?.trim().toLowerCase() ?? 'false'
  return value === 'true' || value === 'false'
    ? ok(value === 'true')
    : err({ reason: 'header_invalid', header, expectation: "'true' or 'false'" })
}

/** An empty header gives no reason. */
function parseReason(text: string | undefined): Result<string | undefined, RequestFailure> {
  const reason = text?.replace(/^[ \t]+|[ \t]+$/g, '') ?? ''
  if (reason === '') return ok(undefined)
  return REASON.test(reason)
    ? ok(reason)
    : err({
        reason: 'header_invalid',
        header: 'x-reconnect-reason',
        expectation: `at most ${MAX_REASON_CHARS} printable ASCII characters`,
      })
}
