/**
 * The bare SDK server as a function app, or one that answers at once: the Functions library and the host cost the same as for our route. With
 * BARE_STORAGE it makes the calls to a table that our route makes for a backend, and nothing else with them. With BARE_ANSWERS_AS_OURS it
 * answers with as many headers as our route and writes a line of the size of an audit event.
 */
import { randomUUID } from 'node:crypto'
import { ApiManagementClient } from '@azure/arm-apimanagement'
import { TableClient, type TransactionAction } from '@azure/data-tables'
import { app, type HttpResponseInit, type InvocationContext } from '@azure/functions'
import { createPooledHttpClient } from '../../src/transport/http-client.ts'

const {
  ARM_ENDPOINT: endpoint = '',
  BARE_TOKEN: token = '',
  BARE_SUBSCRIPTION: subscriptionId = '',
  BARE_TRANSPORT,
  BARE_STORAGE,
  BARE_ANSWERS_ONLY,
  BARE_ANSWERS_AS_OURS,
} = process.env
/** Size of our row of an operation. */
const ROW_CHARS = 600
const CLIENT_REQUEST_ID = 'x-ms-client-request-id'

const credential = { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 86_400_000 }) }
const client = new ApiManagementClient(credential, subscriptionId, {
  endpoint,
  ...(BARE_TRANSPORT === 'pooled' && { httpClient: createPooledHttpClient({ maxResponseBytes: 256 * 1024 }) }),
})
const table =
  BARE_STORAGE === undefined
    ? undefined
    : TableClient.fromConnectionString(BARE_STORAGE, 'rows', { allowInsecureConnection: true })
const tableCreated = table?.createTable()

app.http('bare', {
  route:
    'subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers/Microsoft.ApiManagement/service/{service}/backends/{backend}/reconnect',
  methods: ['POST'],
  authLevel: 'anonymous',
  async handler(request, context) {
    if (BARE_ANSWERS_ONLY !== undefined) return { status: 202 }
    const { resourceGroup = '', service = '', backend = '' } = request.params
    const body = request.body === null ? undefined : ((await request.json()) as { properties: { after: string } })
    const send = () =>
      client.backend.reconnect(
        resourceGroup,
        service,
        backend,
        body === undefined ? {} : { parameters: { after: body.properties.after } },
      )
    await (table === undefined ? send() : recorded(table, send))
    if (BARE_ANSWERS_AS_OURS === undefined) return { status: 202 }
    return answerAsOurs(context, `${resourceGroup}/${service}/${backend}`, request.headers.get(CLIENT_REQUEST_ID) ?? '')
  },
})

/** Its own ids and time are new for each request, as ours are. */
function answerAsOurs(context: InvocationContext, backend: string, clientRequestId: string): HttpResponseInit {
  const id = randomUUID()
  const due = new Date(Date.now() + 120_000).toISOString()
  const caller = { kind: 'user', id: subscriptionId, name: 'a person' }
  const arm = { armStatus: 202, armRequestId: id, armCorrelationId: id }
  const asked = { correlationId: id, clientRequestId, caller, backend: `/subscriptions/${subscriptionId}/${backend}` }
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

/** Reads a row that is not there, and writes two rows in one transaction before the call and after it. */
async function recorded(rows: TableClient, send: () => Promise<unknown>): Promise<void> {
  await tableCreated
  const partitionKey = randomUUID()
  const slot = { partitionKey, rowKey: 'slot' }
  const operation = { partitionKey, rowKey: 'op', text: 'x'.repeat(ROW_CHARS) }
  const write = (kind: 'create' | 'upsert') =>
    rows.submitTransaction([slot, operation].map((row) => [kind, row] as TransactionAction))
  await rows.getEntity(partitionKey, 'slot').catch(() => undefined)
  await write('create')
  await send()
  await write('upsert')
}
