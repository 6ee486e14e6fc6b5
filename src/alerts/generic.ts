import { parseAfter } from '../domain/duration.ts'
import { member } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { Alert, PayloadFault } from './alert.ts'
import { addMissing } from './attributes.ts'
import { toSenderFacts } from './sender-facts.ts'

const EXPECTATION =
  '{"backends":["<resource id>"],"after"?,"reason"?,"id"?}, with after as an ISO 8601 duration of at most 24 hours'

/** A sender of your own (contract, section 5). It names backends by their resource ids, without a template. Attributes: `id`, `reason`. Other members are ignored. */
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
  return ok(
    [...new Set(backends)].map((backend) => ({
      condition: 'firing',
      attributes,
      backend,
      ...(after === undefined ? {} : { after: after.value }),
      ...toSenderFacts({ alertId: member(payload, 'id'), alertRule: undefined }),
    })),
  )
}
