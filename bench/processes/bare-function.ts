/**
 * The bare SDK server as a function app, or one that answers at once: the Functions library and the host cost the same as for our route. With
 * BARE_STORAGE it makes the calls to a table that our route makes for a backend, and nothing else with them. With BARE_ANSWERS_AS_OURS it
 * answers with as many headers as our route and writes a line of the size of an audit event.
 */
import { ApiManagementClient } from '@azure/arm-apimanagement'
import { app } from '@azure/functions'
import { createPooledHttpClient } from '../../src/transport/http-client.ts'
import { answerAsOurs } from './answer-as-ours.ts'
import { createBareLedger } from './bare-ledger.ts'

const {
  ARM_ENDPOINT: endpoint = '',
  BARE_TOKEN: token = '',
  BARE_SUBSCRIPTION: subscriptionId = '',
  BARE_TRANSPORT,
  BARE_STORAGE,
  BARE_ANSWERS_ONLY,
  BARE_ANSWERS_AS_OURS,
} = process.env

const credential = { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 86_400_000 }) }
const client = new ApiManagementClient(credential, subscriptionId, {
  endpoint,
  ...(BARE_TRANSPORT === 'pooled' && { httpClient: createPooledHttpClient({ maxResponseBytes: 256 * 1024 }) }),
})
const recorded = BARE_STORAGE === undefined ? undefined : createBareLedger(BARE_STORAGE)

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
    await (recorded === undefined ? send() : recorded(send))
    if (BARE_ANSWERS_AS_OURS === undefined) return { status: 202 }
    return answerAsOurs(request, context)
  },
})
