import * as z from 'zod/mini'
import { parseBackendParts, type BackendParts } from '../domain/backend-id.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import { parseAfter, type Duration } from '../domain/duration.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** A request as plain facts: what the host matched, decoded once and by the host alone. */
export interface ReconnectFacts {
  readonly path: Partial<Record<keyof BackendParts, string>>
  /** Every value of `api-version`; ARM's parameter names match without regard to case. */
  readonly apiVersions: readonly string[]
  readonly dryRun: string | undefined
  readonly force: string | undefined
  readonly body: Uint8Array | undefined
}

export interface ApiVersions {
  readonly supported: readonly string[]
  readonly fallback: string
}

/** The body of Backend - Reconnect. Other members are ignored, as ARM ignores them; `null` counts as absent, as it does there. */
export const RECONNECT_BODY = z.looseObject({
  properties: z.nullish(z.looseObject({ after: z.optional(z.unknown()) })),
})

/** Body, version and headers first, then the target (contract, section 2): pure, and nothing is sent on account of it. */
export function parseReconnectCommand(
  facts: ReconnectFacts,
  versions: ApiVersions,
): Result<ReconnectCommand, RequestFailure> {
  const after = parseBody(facts.body)
  if (!after.ok) return after
  const apiVersion = parseApiVersion(facts.apiVersions, versions)
  if (!apiVersion.ok) return apiVersion
  const dryRun = parseFlag('x-reconnect-dry-run', facts.dryRun)
  if (!dryRun.ok) return dryRun
  const force = parseFlag('x-reconnect-force', facts.force)
  if (!force.ok) return force
  const backend = parseBackendParts(facts.path)
  if (!backend.ok) return err({ reason: 'segment_invalid', segment: backend.error.segment })
  return ok({
    backend: backend.value,
    apiVersion: apiVersion.value,
    ...(after.value === undefined ? {} : { after: after.value }),
    dryRun: dryRun.value,
    force: force.value,
  })
}

function parseBody(body: Uint8Array | undefined): Result<Duration | undefined, RequestFailure> {
  if (body === undefined) return ok(undefined)
  const parsed = RECONNECT_BODY.safeParse(parseJson(body))
  if (!parsed.success)
    return err({ reason: 'body_malformed', expectation: 'a JSON object such as {"properties":{"after":"PT5M"}}' })
  const after = parsed.data.properties?.after
  if (after === undefined || after === null) return ok(undefined)
  const duration = parseAfter(after)
  return duration.ok ? duration : err({ reason: 'duration_invalid', fault: duration.error })
}

/** Undefined for what is no JSON in UTF-8; no JSON text parses to undefined. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
}

function parseApiVersion(
  given: readonly string[],
  { supported, fallback }: ApiVersions,
): Result<string, RequestFailure> {
  const [version = fallback, ...more] = given
  return more.length === 0 && supported.includes(version)
    ? ok(version)
    : err({ reason: 'api_version_invalid', supported })
}

/** A misspelled dry run that was sent for real would be the worst of misunderstandings: only `true` and `false` are read. */
function parseFlag(header: string, text: string | undefined): Result<boolean, RequestFailure> {
  const value = text?.trim().toLowerCase() ?? 'false'
  return value === 'true' || value === 'false'
    ? ok(value === 'true')
    : err({ reason: 'header_invalid', header, expectation: "'true' or 'false'" })
}
