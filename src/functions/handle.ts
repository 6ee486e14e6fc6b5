import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import { composition } from '../composition.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { MessageComesBack } from '../reconnect/message-comes-back.ts'
import { describeError } from '../shared/describe-error.ts'
import { alertReceive } from './alert-receive.ts'
import { backendList } from './backend-list.ts'
import { backendReconnect } from './backend-reconnect.ts'
import { deliveryList } from './delivery-list.ts'
import { grantList } from './grant-list.ts'
import { consolePage } from './console.ts'
import { createForeground } from './foreground.ts'
import { healthLive } from './health-live.ts'
import { healthReady } from './health-ready.ts'
import { openapiGet } from './openapi-get.ts'
import { operationGet } from './operation-get.ts'
import { operationList } from './operation-list.ts'
import { pauseCreate } from './pause-create.ts'
import { pauseDelete } from './pause-delete.ts'
import { pauseList } from './pause-list.ts'
import { reconnectAbandon } from './reconnect-abandon.ts'
import { reconnectDeliver } from './reconnect-deliver.ts'
import type { FunctionName, Handle, HandleMessage, QueueFunctionName } from './routes.ts'

const HANDLES: Readonly<Record<FunctionName, Handle>> = {
  'backend-reconnect': backendReconnect,
  'alert-receive': alertReceive,
  'operation-list': operationList,
  'operation-get': operationGet,
  'grant-list': grantList,
  'backend-list': backendList,
  'delivery-list': deliveryList,
  'pause-list': pauseList,
  'pause-create': pauseCreate,
  'pause-delete': pauseDelete,
  'health-live': healthLive,
  'health-ready': healthReady,
  'openapi-get': openapiGet,
  console: consolePage,
}

const MESSAGE_HANDLES: Readonly<Record<QueueFunctionName, HandleMessage>> = {
  'reconnect-deliver': reconnectDeliver,
  'reconnect-abandon': reconnectAbandon,
}

const foreground = createForeground()

/** The last wrapper: a defect is written down and answered 500 with an id to find it by; nothing is ever thrown at the host. */
export async function handle(
  name: FunctionName,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> {
  foreground.begin()
  try {
    return { ...(await HANDLES[name](request, context)) }
  } catch (error) {
    const correlationId = context.invocationId
    context.error(describeDefect(name, correlationId, error))
    return { ...toFailureReply({ reason: 'defect', detail: '' }, correlationId, undefined) }
  } finally {
    foreground.end()
  }
}

/** What is thrown here goes to the host, which shows the message again. A defect is written down first; a put-off has its audit event. */
export async function handleMessage(
  name: QueueFunctionName,
  message: unknown,
  context: InvocationContext,
): Promise<void> {
  foreground.begin()
  try {
    await MESSAGE_HANDLES[name](message, context)
  } catch (error) {
    if (!(error instanceof MessageComesBack)) context.error(describeDefect(name, context.invocationId, error))
    throw error
  } finally {
    foreground.end()
  }
}

function describeDefect(name: string, correlationId: string, error: unknown): string {
  const text = printable(describeError(error), 4_096)
  return JSON.stringify({ event: 'reconnect.defect', correlationId, function: name, error: text })
}

/**
 * Reads what the first request will need, and creates the queues that the host polls. Their code is read when no request is waiting: a reconnect
 * does not need it, and an alert reads it itself.
 */
export async function warm(): Promise<void> {
  const app = composition()
  if (!app.ok) return
  const { clock, createQueues } = app.value
  await Promise.all([app.value.warm(), foreground.quiet(clock).then(createQueues)])
}
