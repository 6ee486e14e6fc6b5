import { DOCUMENTED_MINIMUM_AFTER_MS } from '../domain/duration.ts'
import type { ArmTrace, RequestIds } from '../reconnect/ports.ts'
import type { Decision, Settled } from '../reconnect/reconnect.ts'
import { toFailureReply, type Challenge } from './failure-reply.ts'
import { accepted, type Reply } from './reply.ts'

/** The answer of the reconnect route (contract, section 3): a 202 as ARM gives it, with our own headers beside ARM's. */
export function toReconnectReply({ result, arm }: Decision, ids: RequestIds, challenge: Challenge): Reply {
  const reply = result.ok ? accepted(toHeaders(result.value, arm?.correlationId ?? ids.correlationId)) : toFailureReply(result.error, ids.correlationId, challenge)
  return { ...reply, headers: { ...armHeaders(arm), ...clientRequestId(ids), ...reply.headers } }
}

function toHeaders({ outcome, command, dueEpochMs }: Settled, correlationId: string): Record<string, string> {
  const belowMinimum = command.after !== undefined && command.after.ms < DOCUMENTED_MINIMUM_AFTER_MS
  return {
    'x-ms-correlation-request-id': correlationId,
    'x-reconnect-outcome': outcome,
    'x-reconnect-due': new Date(dueEpochMs).toISOString(),
    ...(belowMinimum ? { 'x-reconnect-warning': 'after-below-minimum' } : {}),
  }
}

function armHeaders(arm: ArmTrace | undefined): Record<string, string> {
  return {
    ...(arm?.requestId === undefined ? {} : { 'x-ms-request-id': arm.requestId }),
    ...(arm?.routingRequestId === undefined ? {} : { 'x-ms-routing-request-id': arm.routingRequestId }),
  }
}

function clientRequestId({ clientRequestId }: RequestIds): Record<string, string> {
  return clientRequestId === undefined ? {} : { 'x-ms-client-request-id': clientRequestId }
}
