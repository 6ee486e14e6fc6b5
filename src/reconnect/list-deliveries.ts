import { parseBackendResourceId } from '../domain/backend-id.ts'
import { webhookCaller, type Caller } from '../domain/caller.ts'
import type { Failure } from '../domain/failure.ts'
import { isWithin, type Scope } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'
import type { UnactedDelivery } from '../domain/unacted-delivery.ts'
import type { Credentials } from '../identity/credentials.ts'
import { isGranted, isScopeGranted } from '../policy/authorize.ts'
import type { GrantIndex } from '../policy/grant-index.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { DeliveryLog } from './operator-ports.ts'
import { readFor, type CallerPorts, type Reading } from './reading.ts'

export interface DeliveryListPorts extends CallerPorts {
  readonly deliveries: Pick<DeliveryLog, 'list'>
  /** Names of the webhooks that the policy has. */
  readonly webhooks: { has(name: string): boolean }
}

/**
 * Why did my alert not act: the last deliveries of a webhook that did not (contract, section 11). An entry that names a backend is shown to who
 * may read it, the others to who may read everything that the webhook is granted. Who may read nothing of it learns not even that it exists.
 */
export function listDeliveries(
  credentials: Credentials,
  webhookInPath: string,
  checkQuery: () => Result<unknown, Failure>,
  deadline: Deadline,
  ports: DeliveryListPorts,
): Promise<Reading<readonly UnactedDelivery[]>> {
  return readFor<readonly UnactedDelivery[]>(credentials, deadline, ports, async (caller) => {
    const query = checkQuery()
    if (!query.ok) return query
    const { grants, webhooks, deliveries } = ports
    const webhook = foldAscii(webhookInPath)
    const notFound = err({ reason: 'deliveries_not_found' } as const)
    if (!webhooks.has(webhook) || !grants.grantsAnywhere(caller.principals, 'read')) return notFound
    const granted = grants.of(webhookCaller(webhook).principals).map(({ scope }) => scope)
    const readsAll = granted.length > 0 && granted.every((scope) => isScopeGranted(caller, 'read', scope, grants))
    const readsSome = readsAll || granted.some((scope) => readsWithin(caller, scope, grants))
    const shown = (await deliveries.list(webhook)).filter(({ backend }) =>
      backend === undefined ? readsAll : mayRead(caller, backend, grants),
    )
    return readsSome || shown.length > 0 ? ok(shown) : notFound
  })
}

function mayRead(caller: Caller, resourceId: string, grants: GrantIndex): boolean {
  const backend = parseBackendResourceId(resourceId)
  return backend.ok && isGranted(caller, 'read', backend.value, grants)
}

/** Whether the caller may read the scope, or something in it. */
function readsWithin(caller: Caller, scope: Scope, grants: GrantIndex): boolean {
  if (isScopeGranted(caller, 'read', scope, grants)) return true
  return grants.of(caller.principals).some((grant) => grant.actions.includes('read') && isWithin(grant.scope, scope))
}
