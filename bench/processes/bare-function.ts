/** The bare SDK server as a function app, or one that answers at once: the Functions library and the host cost the same as for our route. */
import { ApiManagementClient } from '@azure/arm-apimanagement'
import { app } from '@azure/functions'
import { createPooledHttpClient } from '../../src/transport/http-client.ts'

const {
  ARM_ENDPOINT: endpoint = '',
  BARE_TOKEN: token = '',
  BARE_SUBSCRIPTION: subscriptionId = '',
  BARE_TRANSPORT,
  BARE_ANSWERS_ONLY,
} = process.env
const credential = { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 86_400_000 }) }
const client = new ApiManagementClient(credential, subscriptionId, {
  endpoint,
  ...(BARE_TRANSPORT === 'pooled' && { httpClient: createPooledHttpClient({ maxResponseBytes: 256 * 1024 }) }),
})

app.http('bare', {
  route:
    'subscriptions/{subscriptionId}/resourceGroups/{resourceGroup}/providers/Microsoft.ApiManagement/service/{service}/backends/{backend}/reconnect',
  methods: ['POST'],
  authLevel: 'anonymous',
  async handler(request) {
    if (BARE_ANSWERS_ONLY !== undefined) return { status: 202 }
    const { resourceGroup = '', service = '', backend = '' } = request.params
    const body = request.body === null ? undefined : ((await request.json()) as { properties: { after: string } })
    await client.backend.reconnect(
      resourceGroup,
      service,
      backend,
      body === undefined ? {} : { parameters: { after: body.properties.after } },
    )
    return { status: 202 }
  },
})
