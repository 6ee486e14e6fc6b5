import { DOCUMENTED_MINIMUM_AFTER_MS } from '../domain/duration.ts'
import type { Decision, Settled } from '../reconnect/decision.ts'
import type { ArmTrace, Noted, RequestIds } from '../reconnect/ports.ts'
import { toRfc3339 } from '../shared/rfc3339.ts'
import { toFailureReply, type Challenge } from './failure-reply.ts'
import { accepted, type Reply } from './reply.ts'

/** Clients that poll a 202 look again after this long. */
const POLL_AFTER_SECONDS = 2

export interface ReplyFacts {
  readonly ids: RequestIds
  readonly challenge: Challenge
  /** Where this app is reached from outside; never taken from a `Host` or forwarded header, which callers write. */
  readonly publicUrl: string | undefined
}

/** The answer of the reconnect route (contract, section 3): a 202 as ARM gives it, with our own headers beside ARM's. */
export function toReconnectReply({ result, arm, noted }: Decision, { ids, challenge, publicUrl }: ReplyFacts): Reply {
  const reply = result.ok
    ? accepted(settledHeaders(result.value, arm?.correlationId ?? ids.correlationId))
    : toFailureReply(result.error, ids.correlationId, challenge)
  return {
    ...reply,
    headers: {
      ...armHeaders(arm),
      ...idHeaders(ids),
      ...operationHeaders(noted, publicUrl, result.ok),
      ...warningHeaders(result, noted),
      ...reply.headers,
    },
  }
}

function settledHeaders({ outcome, dueEpochMs, would }: Settled, correlationId: string): Record<string, string> {
  return {
    'x-ms-correlation-request-id': correlationId,
    'x-reconnect-outcome': outcome,
    'x-reconnect-due': toRfc3339(dueEpochMs),
    ...(would === undefined ? {} : { 'x-reconnect-would': would }),
  }
}

/** A 202 leads to the operation, where it was written down, so that clients which poll come to an end there. */
function operationHeaders(
  noted: Noted | undefined,
  publicUrl: string | undefined,
  isAccepted: boolean,
): Record<string, string> {
  if (noted === undefined) return {}
  const { id } = noted.operation
  const link =
    isAccepted && noted.recorded
      ? { location: `${publicUrl ?? ''}/operations/${id}`, 'retry-after': String(POLL_AFTER_SECONDS) }
      : {}
  return { 'x-reconnect-operation': id, ...link }
}

function warningHeaders(result: Decision['result'], noted: Noted | undefined): Record<string, string> {
  const after = result.ok ? result.value.command.after : undefined
  const warnings = [
    ...(after !== undefined && after.ms < DOCUMENTED_MINIMUM_AFTER_MS ? ['after-below-minimum'] : []),
    ...(noted?.recorded === false ? ['not-recorded'] : []),
  ]
  return warnings.length === 0 ? {} : { 'x-reconnect-warning': warnings.join(', ') }
}

function armHeaders(arm: ArmTrace | undefined): Record<string, string> {
  return {
    ...(arm?.requestId === undefined ? {} : { 'x-ms-request-id': arm.requestId }),
    ...(arm?.routingRequestId === undefined ? {} : { 'x-ms-routing-request-id': arm.routingRequestId }),
  }
}

function idHeaders({ clientRequestId }: RequestIds): Record<string, string> {
  return clientRequestId === undefined ? {} : { 'x-ms-client-request-id': clientRequestId }
}
