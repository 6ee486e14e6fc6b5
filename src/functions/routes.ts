import type { HttpMethod } from '@azure/functions'

export type FunctionName = 'backend-reconnect' | 'operation-list' | 'operation-get' | 'health-live' | 'health-ready' | 'openapi-get'

/** One HTTP function as the host sees it. */
export interface Route {
  readonly name: FunctionName
  readonly route: string
  readonly methods: readonly HttpMethod[]
}

/** The whole surface (contract, section 2). Every trigger is `anonymous`: the functions authenticate for themselves. */
export const ROUTES: readonly Route[] = [
  {
    name: 'backend-reconnect',
    methods: ['POST'],
    route:
      'subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect',
  },
  { name: 'operation-list', methods: ['GET'], route: 'operations' },
  { name: 'operation-get', methods: ['GET'], route: 'operations/{operationId}' },
  { name: 'health-live', methods: ['GET'], route: 'health/live' },
  { name: 'health-ready', methods: ['GET'], route: 'health/ready' },
  { name: 'openapi-get', methods: ['GET'], route: 'openapi.json' },
]
