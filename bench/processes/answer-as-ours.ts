import { randomUUID } from 'node:crypto'
import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions'

const CLIENT_REQUEST_ID = 'x-ms-client-request-id'

/** As many headers as our route answers with, and a line of the size of an audit event. Ids and times are new for each request, as ours are. */
export function answerAsOurs({ headers, params }: HttpRequest, context: InvocationContext): HttpResponseInit {
  const clientRequestId = headers.get(CLIENT_REQUEST_ID) ?? ''
  const { subscriptionId = '', resourceGroup, service, backend } = params
  const id = randomUUID()
  const due = new Date(Date.now() + 120_000).toISOString()
  const caller = { kind: 'user', id: subscriptionId, name: 'a person' }
  const arm = { armStatus: 202, armRequestId: id, armCorrelationId: id }
  const asked = {
    correlationId: id,
    clientRequestId,
    caller,
    backend: `/subscriptions/${subscriptionId}/${resourceGroup}/${service}/${backend}`,
  }
  const more = { operationId: `${id}${id}`, notRecorded: true, attempts: 1, mode: 'on', due, durationMs: 5 }
  context.info(JSON.stringify({ event: 'bare.decision', outcome: 'forwarded', ...asked, ...arm, ...more }))
  return {
    status: 202,
    headers: {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-ms-request-id': id,
      'x-ms-routing-request-id': id,
      'x-ms-correlation-request-id': id,
      [CLIENT_REQUEST_ID]: clientRequestId,
      'x-reconnect-operation': `${id}${id}`,
      'x-reconnect-warning': 'not-recorded',
      'x-reconnect-outcome': 'forwarded',
      'x-reconnect-due': due,
    },
  }
}
