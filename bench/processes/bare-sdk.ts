/** The official SDK behind `node:http`, without authentication, authorization, validation, deadline or audit. `BARE_TRANSPORT=pooled` selects our transport. */
import { ApiManagementClient } from '@azure/arm-apimanagement'
import { createPooledHttpClient } from '../../src/transport/http-client.ts'
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

const {
  ARM_ENDPOINT: endpoint = '',
  BARE_TOKEN: token = '',
  BARE_SUBSCRIPTION: subscriptionId = '',
  BARE_TRANSPORT,
} = process.env

answerCommands({
  start() {
    // The cheapest possible credential.
    const credential = { getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 86_400_000 }) }
    const client = new ApiManagementClient(credential, subscriptionId, {
      endpoint,
      ...(BARE_TRANSPORT === 'pooled' && { httpClient: createPooledHttpClient({ maxResponseBytes: 256 * 1024 }) }),
    })
    return serveBare(async ({ resourceGroup, service, backend, after }) => {
      await client.backend.reconnect(
        resourceGroup,
        service,
        backend,
        after === undefined ? {} : { parameters: { after } },
      )
      return 202
    })
  },
  measure,
})
