import type { Mode } from '../config/config.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import type { Explanation, MissReason } from '../policy/explain-decision.ts'
import type { Grant } from '../policy/policy-document.ts'
import { excerpt } from '../shared/escape-text.ts'

export interface Question {
  readonly mode: Mode
  /** Where the policy came from; undefined when there is none. */
  readonly source: string | undefined
  readonly grants: readonly Grant[]
  readonly caller: Caller
  readonly action: Action
  readonly backend: Backend
}

/** An answer, for people and for programs. */
export interface Explained {
  readonly text: string
  readonly json: object
  /** Whether it is allowed, would act, or did. */
  readonly acts: boolean
}

/** More would be a listing of the policy, not an explanation. */
const MAX_MISSES = 5

export const MODES: Readonly<Record<Mode, string>> = {
  on: 'on: what is allowed is sent to ARM',
  'dry-run': 'dry-run: everything is decided, nothing is sent',
  off: 'off: a reconnect is answered 503 ServiceUnavailable; an alert 200 with outcome switched-off',
}

const MISSES: Readonly<Record<MissReason, string>> = {
  other_action: 'names this principal and covers the backend, but gives other actions',
  other_spelling:
    'covers the backend, but spells the principal in other letter case; roles and webhooks are compared as written',
  other_scope: 'names this principal, but its scope does not cover the backend',
  other_principal: 'covers the backend, but for another principal',
}

/** The answer to "what would happen, and why", for people. */
export function explanationText(question: Question, explanation: Explanation): string {
  const { mode, source, grants, caller, action, backend } = question
  return [
    line('Mode', MODES[mode]),
    policyLine(source, grants.length),
    line('Caller', caller.principals.join(', ')),
    line('Action', action),
    line('Backend', backend.backendId),
    line('  service', backend.serviceName),
    line('  resource group', backend.resourceGroupName),
    line('  subscription', backend.subscriptionId),
    '',
    line('Decision', explanation.allowed ? 'ALLOWED' : 'DENIED (403 AuthorizationFailed)'),
    ...(explanation.allowed ? because(explanation.decidedBy) : nearest(explanation.missing, explanation.misses)),
    '',
  ].join('\n')
}

/** The same answer for programs: every near miss, and grants by their position in the policy. */
export function explanationJson(question: Question, explanation: Explanation): object {
  const { mode, source, caller, action, backend } = question
  return {
    kind: 'caller',
    mode,
    policy: source ?? null,
    principals: caller.principals,
    action,
    backend: backend.resourceId,
    ...decisionJson(explanation),
  }
}

export function decisionJson(explanation: Explanation): object {
  return explanation.allowed
    ? {
        decision: 'allowed',
        because: explanation.decidedBy.map((decided) => ({ action: decided.action, grant: grantJson(decided.grant) })),
      }
    : {
        decision: 'denied',
        missing: explanation.missing,
        nearMisses: explanation.misses.map(({ grant, reason }) => ({ reason, grant: grantJson(grant) })),
      }
}

function grantJson({ index, principal, scope, actions }: Grant): object {
  return { index, principal, scope: scope.resourceId, actions }
}

export function because(decidedBy: Extract<Explanation, { allowed: true }>['decidedBy']): string[] {
  return decidedBy.map(({ action, grant }) =>
    line(
      'Because',
      `${place(grant)} gives '${action}' to ${grant.principal}\n${line('', `at ${grant.scope.resourceId}`)}`,
    ),
  )
}

export function nearest(missing: Action, misses: Extract<Explanation, { allowed: false }>['misses']): string[] {
  const shown = misses.slice(0, MAX_MISSES)
  const more = misses.length - shown.length
  return [
    line('Because', `no grant gives '${missing}' to this caller at a scope that covers the backend`),
    ...shown.flatMap(({ grant, reason }) => [
      line('Near miss', `${place(grant)} ${MISSES[reason]}:`),
      line('', `${grant.principal} may ${grant.actions.join(', ')} at ${grant.scope.resourceId}`),
    ]),
    ...(shown.length === 0 ? [line('Near miss', 'none: no grant names this principal or covers the backend')] : []),
    ...(more > 0 ? [line('', `and ${count(more, 'more grant')}`)] : []),
  ]
}

export function policyLine(source: string | undefined, grants: number): string {
  return line(
    'Policy',
    source === undefined ? 'none, so every caller is denied' : `${source} (${count(grants, 'grant')})`,
  )
}

const MAX_PAYLOAD_CHARS = 300

/** What comes from a payload: bounded, and without what a terminal would obey. */
export function printableLine(text: string): string {
  return excerpt(text, MAX_PAYLOAD_CHARS)
}

const place = (grant: Grant): string => `grants[${grant.index}]`
const count = (many: number, what: string): string => `${many} ${what}${many === 1 ? '' : 's'}`
export const line = (label: string, text: string): string => `${label.padEnd(17)}${text}`
