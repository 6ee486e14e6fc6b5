import { parseAfter } from '../domain/duration.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { addMissing, member, shortText } from './json.ts'

const EXPECTATION =
  '{"backends":["<resource id>"],"after"?,"reason"?,"id"?}, with after as an ISO 8601 duration of at most 24 hours'

/** A sender of one's own: it names backends outright, so that there is no template. Attributes: `id`, `reason`. Other members are ignored. */
export function readGeneric(payload: unknown): Result<readonly Alert[], PayloadFault> {
  const malformed = err({ kind: 'malformed', expectation: EXPECTATION } as const)
  const backends = member(payload, 'backends')
  if (!Array.isArray(backends) || !backends.every((backend) => typeof backend === 'string')) return malformed
  const given = member(payload, 'after') ?? undefined
  const after = given === undefined ? undefined : parseAfter(given)
  if (after?.ok === false) return malformed
  const attributes = new Map<string, string>()
  addMissing(
    attributes,
    ['id', 'reason'].map((name) => [name, member(payload, name)] as const),
  )
  const alertId = shortText(member(payload, 'id'))
  return ok(
    [...new Set(backends)].map((backend) => ({
      firing: true,
      attributes,
      backend,
      ...(after === undefined ? {} : { after: after.value }),
      ...(alertId === undefined ? {} : { alertId }),
    })),
  )
}
