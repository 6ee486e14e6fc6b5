import createClient from 'openapi-fetch'
import type { paths } from './openapi-typescript.gen.ts'

const [subscriptionId = '', resourceGroupName = '', serviceName = '', backendId = ''] = partsOf(
  process.env['STORY_BACKENDS'] ?? '',
)
const client = createClient<paths>({
  baseUrl: process.env['STORY_PROXY'] ?? '',
  headers: { authorization: `Bearer ${process.env['STORY_TOKEN']}` },
})

const path =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'
const { response } = await client.POST(path, {
  params: { path: { subscriptionId, resourceGroupName, serviceName, backendId } },
  body: { properties: { after: 'PT5M' } },
})
const operationId = response.headers.get('x-reconnect-operation') ?? ''
const { data } = await client.GET('/operations/{operationId}', { params: { path: { operationId } } })
const { error } = await client.GET('/operations', { params: { query: { top: 0 } } })
console.log(
  JSON.stringify({ client: 'openapi-typescript', state: data?.state, after: data?.after, refused: error?.error.code }),
)

function partsOf(backend: string): string[] {
  const parts = (backend.split(' ')[0] ?? '').split('/')
  return [2, 4, 8, 10].map((at) => parts[at] ?? '')
}
