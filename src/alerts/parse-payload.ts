import { parseJson } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { PayloadFault } from './alert.ts'

/**
 * Parses the body of a sender that has proven itself. The fault does not repeat the body.
 *
 * Depth is NOT limited. A body has at most 1 MiB, and a mebibyte of brackets parses in about 50 ms (Node 24). Readers look at named members
 * only, and the payload is never serialized or walked: that would throw for a value that is nested thousands deep.
 * NOT checked: duplicate member names (the last one wins).
 */
export function parsePayload(bytes: Uint8Array): Result<unknown, PayloadFault> {
  const payload = parseJson(bytes)
  return payload === undefined ? err({ kind: 'malformed', expectation: 'JSON in UTF-8' }) : ok(payload)
}
