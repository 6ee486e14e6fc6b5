import { isGuid, foldAscii } from './segments.ts'

declare const principal: unique symbol

/**
 * What a grant can name: `app:<client id>`, `user:<object id>`, `role:<app role>`, `group:<id>` or `webhook:<name>` (contract, section 4).
 * GUIDs are case-folded; role values and webhook names are compared as written.
 */
export type Principal = string & { readonly [principal]: true }

export type PrincipalKind = 'app' | 'user' | 'role' | 'group' | 'webhook'

const GUID_KINDS: ReadonlySet<string> = new Set(['app', 'user', 'group'])
const NAMED_KINDS: ReadonlySet<string> = new Set(['role', 'webhook'])
/** Entra: an app role's value has at most 120 characters and no space. */
const ROLE_OR_NAME = /^[!-~]{1,120}$/

export const PRINCIPAL_EXPECTATION =
  "'app:<client id>', 'user:<object id>', 'group:<object id>' (GUIDs), 'role:<app role value>' or 'webhook:<name>'"

/** Undefined if the text is not a principal. */
export function parsePrincipal(text: string): Principal | undefined {
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  const kind = text.slice(0, colon)
  const id = text.slice(colon + 1)
  if (GUID_KINDS.has(kind)) return isGuid(id) ? (`${kind}:${foldAscii(id)}` as Principal) : undefined
  if (NAMED_KINDS.has(kind)) return ROLE_OR_NAME.test(id) ? (text as Principal) : undefined
  return undefined
}

/** An authenticated caller. */
export interface Caller {
  readonly kind: 'app' | 'user' | 'webhook'
  /** Client id of an application, object id of a person, name of a webhook. */
  readonly id: string
  /** For the record only. No decision may read it (contract, section 4). */
  readonly name?: string
  readonly principals: readonly Principal[]
}

/** An authenticated alert sender: its principal is the webhook, whichever credential it used. Throws TypeError for a name that no policy allows. */
export function webhookCaller(name: string, senderName?: string): Caller {
  const principal = parsePrincipal(`webhook:${name}`)
  if (principal === undefined) throw new TypeError('not a name that the policy allows for a webhook')
  return {
    kind: 'webhook',
    id: name,
    ...(senderName === undefined ? {} : { name: senderName }),
    principals: [principal],
  }
}
