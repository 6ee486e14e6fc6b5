import type { Alert } from '../alerts/alert.ts'
import { selectBackend } from '../alerts/select-backend.ts'
import type { Backend } from '../domain/backend-id.ts'
import type { Caller } from '../domain/caller.ts'
import { parseAfter, type Duration } from '../domain/duration.ts'
import type { AuthorizationFailure } from '../domain/failure.ts'
import { authorize, type AuthorizedReconnect } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Webhook } from '../policy/policy-document.ts'
import { excerpt } from '../shared/escape-text.ts'

/** Contract, section 3: what the operation keeps of a reason. */
const MAX_REASON_CHARS = 200

/** What an alert comes to before anything is stored or sent. */
export type Judged =
  | { readonly kind: 'resolved'; readonly backend?: Backend }
  | { readonly kind: 'unmatched'; readonly detail: string }
  | { readonly kind: 'invalid'; readonly detail: string }
  | { readonly kind: 'denied'; readonly backend: Backend; readonly failure: AuthorizationFailure }
  | { readonly kind: 'permitted'; readonly permit: AuthorizedReconnect }

/** firing and matched → a backend → granted to the webhook. Pure: the payload selects, the policy permits. */
export function judgeAlert(
  alert: Alert,
  webhook: Webhook,
  caller: Caller,
  grants: GrantIndex,
  apiVersion: string,
): Judged {
  const selection = selectBackend(alert, webhook)
  if (selection.kind !== 'selected') return selection
  const { backend } = selection
  const after = alert.after ?? afterOf(webhook)
  const reason = webhook.format === 'generic' ? alert.attributes.get('reason') : undefined
  const command = {
    backend,
    apiVersion,
    ...(after === undefined ? {} : { after }),
    ...(reason === undefined ? {} : { reason: excerpt(reason, MAX_REASON_CHARS).slice(0, MAX_REASON_CHARS) }),
    dryRun: false,
    force: false,
  }
  const permit = authorize(caller, command, grants)
  return permit.ok ? { kind: 'permitted', permit: permit.value } : { kind: 'denied', backend, failure: permit.error }
}

/** Whether there are alerts that fire, and all of them were denied: then the status says it (contract, section 5). */
export function areAllDenied(outcomes: readonly string[]): boolean {
  const firing = outcomes.filter((outcome) => outcome !== 'resolved')
  return firing.length > 0 && firing.every((outcome) => outcome === 'denied')
}

/** It has been checked with the policy. */
function afterOf({ after }: Webhook): Duration | undefined {
  const duration = after === undefined ? undefined : parseAfter(after)
  return duration?.ok === true ? duration.value : undefined
}
