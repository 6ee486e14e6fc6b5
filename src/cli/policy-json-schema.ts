import * as z from 'zod/mini'
import { POLICY } from '../policy/policy-schema.ts'

const GUID = '[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}'
const RESOURCE_GROUP = '[A-Za-z0-9_().\\-]{0,89}[A-Za-z0-9_()\\-]'
const SERVICE = '[A-Za-z](?:[A-Za-z0-9\\-]{0,48}[A-Za-z0-9])?'
const BACKEND = `(?!\\.{1,2}$)[!"$'(),\\-.0-9;=@A-Z\\[\\]^_\`a-z{|}~]{1,80}`

/** JSON Schema has no flag for case: each letter stands there twice. */
const anyCase = (word: string): string =>
  word.replace(/[a-z]/gi, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`).replaceAll('.', '\\.')

/**
 * The checks that parsing does in code, again as patterns, so that an editor underlines what the app would refuse. The tests compare the
 * two with generated texts. What an editor does NOT see: a member name that occurs twice, the length of durations, and that a backend
 * template without attributes is a whole backend id.
 */
const SCOPE =
  `^/${anyCase('subscriptions')}/${GUID}(?:/${anyCase('resourceGroups')}/${RESOURCE_GROUP}` +
  `(?:/${anyCase('providers')}/${anyCase('Microsoft.ApiManagement')}/${anyCase('service')}/${SERVICE}(?:/${anyCase('backends')}/${BACKEND})?)?)?$`
const PRINCIPAL = `^(?:(?:app|user|group):${GUID}|role:[!-~]{1,120}|webhook:[a-z0-9\\-]{1,63})$`
const DURATION = '^P(?=[0-9T])(?:[0-9.,]+[YMWD])*(?:T(?:[0-9.,]+[HMS])+)?$'

const PATTERNS: Readonly<Record<string, string>> = {
  scope: SCOPE,
  principal: PRINCIPAL,
  appIds: `^${GUID}$`,
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
