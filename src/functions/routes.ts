import type { HttpMethod, HttpRequest, InvocationContext } from '@azure/functions'
import type { FileReply, Reply } from '../http/reply.ts'

export type FunctionName =
  | 'backend-reconnect'
  | 'alert-receive'
  | 'operation-list'
  | 'operation-get'
  | 'grant-list'
  | 'backend-list'
  | 'delivery-list'
  | 'pause-list'
  | 'pause-create'
  | 'pause-delete'
  | 'health-live'
  | 'health-ready'
  | 'openapi-get'
  | 'console'

/** One HTTP function as the host sees it. */
export interface Route {
  readonly name: FunctionName
  readonly route: string
  readonly methods: readonly HttpMethod[]
}

/** What a function's file exports: the host's request in, an answer as plain facts out. */
export type Handle = (request: HttpRequest, context: InvocationContext) => Promise<Reply | FileReply>

/** The whole surface (contract, section 2). Every trigger is `anonymous`: the functions authenticate for themselves. */
export const ROUTES: readonly Route[] = [
  {
    name: 'backend-reconnect',
    methods: ['POST'],
    route:
      'subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect',
  },
  // OPTIONS is the handshake of CloudEvents (HTTP 1.1 Web Hooks for Event Delivery, section 4), and no CORS preflight.
  { name: 'alert-receive', methods: ['POST', 'OPTIONS'], route: 'alerts/{webhook}' },
  { name: 'operation-list', methods: ['GET'], route: 'operations' },
  { name: 'operation-get', methods: ['GET'], route: 'operations/{operationId}' },
  { name: 'grant-list', methods: ['GET'], route: 'grants' },
  { name: 'backend-list', methods: ['GET'], route: 'backends' },
  { name: 'delivery-list', methods: ['GET'], route: 'webhooks/{webhook}/deliveries' },
  { name: 'pause-list', methods: ['GET'], route: 'pauses' },
  { name: 'pause-create', methods: ['POST'], route: 'pauses' },
  { name: 'pause-delete', methods: ['DELETE'], route: 'pauses/{pauseId}' },
  { name: 'health-live', methods: ['GET'], route: 'health/live' },
  { name: 'health-ready', methods: ['GET'], route: 'health/ready' },
  { name: 'openapi-get', methods: ['GET'], route: 'openapi.json' },
  // A function has one route; the last segment is optional (ASP.NET Core, "Routing"), so that this is /console and the files below it.
  { name: 'console', methods: ['GET'], route: 'console/{file?}' },
]

export type QueueFunctionName = 'reconnect-deliver' | 'reconnect-abandon'

/** What a queue function's file exports: the message as the trigger hands it over. To throw is to ask for it again. */
export type HandleMessage = (message: unknown, context: InvocationContext) => Promise<void>

/** The queues, before the prefix (docs/storage.md). The second one is the Functions host's own: it moves there what failed too often. */
export const QUEUE_FUNCTIONS: readonly { readonly name: QueueFunctionName; readonly queueName: string }[] = [
  { name: 'reconnect-deliver', queueName: 'reconnects' },
  { name: 'reconnect-abandon', queueName: 'reconnects-poison' },
]
