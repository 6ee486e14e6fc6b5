import { client } from './hey-api.gen/client.gen.ts'
import { backendReconnect, operationGet, operationList } from './hey-api.gen/sdk.gen.ts'

const parts = (process.env['STORY_BACKENDS']?.split(' ')[0] ?? '').split('/')
const [subscriptionId = '', resourceGroupName = '', serviceName = '', backendId = ''] = [2, 4, 8, 10].map(
  (at) => parts[at] ?? '',
)
client.setConfig({ baseUrl: process.env['STORY_PROXY'] ?? '', auth: process.env['STORY_TOKEN'] ?? '' })

const { response } = await backendReconnect({
  path: { subscriptionId, resourceGroupName, serviceName, backendId },
  body: { properties: { after: 'PT5M' } },
})
const operationId = response?.headers.get('x-reconnect-operation') ?? ''
const { data } = await operationGet({ path: { operationId } })
const { error } = await operationList({ query: { top: 0 } })
const refused = typeof error === 'object' && 'error' in error ? error.error.code : undefined
console.log(JSON.stringify({ client: 'hey-api', state: data?.state, after: data?.after, refused }))
