import type { Backend } from '../domain/backend-id.ts'
import type { Caller, Principal } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import { scopeKeysCovering } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'
import { authorize, isGranted } from './authorize.ts'
import { createGrantIndex } from './grant-index.ts'
import type { Grant } from './policy-document.ts'

/** Why a grant did not apply: the one fact (for `other_spelling`, the letter case) that would have to be different. */
export type MissReason = 'other_action' | 'other_spelling' | 'other_scope' | 'other_principal'

export interface Miss {
  readonly grant: Grant
  readonly reason: MissReason
}

export type Explanation =
  | { readonly allowed: true; readonly decidedBy: readonly { readonly action: Action; readonly grant: Grant }[] }
  | { readonly allowed: false; readonly missing: Action; readonly misses: readonly Miss[] }

const NEAREST_FIRST: readonly MissReason[] = ['other_action', 'other_spelling', 'other_scope', 'other_principal']

/** What `authorize` decides, and why. It searches all grants for reasons, so it is for `npm run explain` and not for requests. */
export function explainDecision(
  caller: Caller,
  action: Action,
  backend: Backend,
  grants: readonly Grant[],
): Explanation {
  const index = createGrantIndex(grants)
  const missing = refusedAction(caller, action, backend, index)
  if (missing !== undefined)
    return { allowed: false, missing, misses: nearestMisses(caller.principals, missing, backend, grants) }
  // A forced reconnect needs both actions.
  const needed: readonly Action[] = action === 'force' ? ['reconnect', 'force'] : [action]
  const decidedBy = needed.flatMap((action) => {
    const grant = index.find(caller.principals, action, backend)
    return grant === undefined ? [] : [{ action, grant }]
  })
  return { allowed: true, decidedBy }
}

function refusedAction(
  caller: Caller,
  action: Action,
  backend: Backend,
  index: ReturnType<typeof createGrantIndex>,
): Action | undefined {
  if (action === 'read' || action === 'pause') return isGranted(caller, action, backend, index) ? undefined : action
  const permit = authorize(caller, { backend, apiVersion: '', dryRun: false, force: action === 'force' }, index)
  return permit.ok ? undefined : permit.error.action
}

function nearestMisses(
  principals: readonly Principal[],
  action: Action,
  backend: Backend,
  grants: readonly Grant[],
): readonly Miss[] {
  const covering: ReadonlySet<string> = new Set(scopeKeysCovering(backend))
  const named: ReadonlySet<string> = new Set(principals)
  const folded: ReadonlySet<string> = new Set(principals.map(foldAscii))
  const reasonFor = (grant: Grant): MissReason | undefined => {
    const covers = covering.has(grant.scope.key)
    if (named.has(grant.principal)) return covers ? 'other_action' : 'other_scope'
    if (!covers || !grant.actions.includes(action)) return undefined
    return folded.has(foldAscii(grant.principal)) ? 'other_spelling' : 'other_principal'
  }
  return grants
    .flatMap((grant) => {
      const reason = reasonFor(grant)
      return reason === undefined ? [] : [{ grant, reason }]
    })
    .toSorted((a, b) => NEAREST_FIRST.indexOf(a.reason) - NEAREST_FIRST.indexOf(b.reason))
}
