import * as z from 'zod/mini'
import { SEGMENT_PATTERNS, type SegmentName } from '../domain/segments.ts'
import { POLICY } from '../policy/policy-schema.ts'

/** A segment's own grammar without its outer anchors, to stand among others. The `$` inside the backend's is right where a backend ends the text. */
const within = (segment: SegmentName): string => `(?:${SEGMENT_PATTERNS[segment].source.slice(1, -1)})`

/** JSON Schema has no flag for case: each letter stands there twice. */
const anyCase = (word: string): string =>
  word.replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`).replaceAll('.', '\\.')

/**
 * The checks that parsing does in code, again as patterns, so that an editor underlines what the app would refuse. The tests compare the
 * two with generated texts. What an editor does NOT see: a member name that occurs twice, the length of durations, and that a backend
 * template without attributes is a whole backend id.
 */
const SCOPE =
  `^/${anyCase('subscriptions')}/${within('subscriptionId')}(?:/${anyCase('resourceGroups')}/${within('resourceGroupName')}` +
  `(?:/${anyCase('providers')}/${anyCase('Microsoft.ApiManagement')}/${anyCase('service')}/${within('serviceName')}(?:/${anyCase('backends')}/${within('backendId')})?)?)?$`
const PRINCIPAL = `^(?:(?:app|user|group):${within('subscriptionId')}|role:[!-~]{1,120}|webhook:[a-z0-9\\-]{1,63})$`
const DURATION = '^P(?=[0-9T])(?:[0-9.,]+[YMWD])*(?:T(?:[0-9.,]+[HMS])+)?$'

const PATTERNS: Readonly<Record<string, string>> = {
  scope: SCOPE,
  principal: PRINCIPAL,
  appIds: `^${within('subscriptionId')}$`,
  after: DURATION,
  window: DURATION,
  deliverWithin: DURATION,
}

/** The published JSON Schema (draft 2020-12) of the policy document, made from the schema that parses it. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(POLICY, {
    target: 'draft-2020-12',
    io: 'input',
    override({ jsonSchema, path }) {
      const member = path.findLast((step) => step !== 'items')
      const pattern = jsonSchema.type === 'string' ? PATTERNS[String(member)] : undefined
      if (pattern !== undefined) jsonSchema.pattern = pattern
      if (path.length === 0) jsonSchema.title = 'Policy of APIM Reconnect'
    },
  })
}
