import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions'
import { printable } from '../audit/redact.ts'
import { composition } from '../composition.ts'
import { toFailureReply } from '../http/failure-reply.ts'
import { backendReconnect } from './backend-reconnect.ts'
import { healthLive } from './health-live.ts'
import { healthReady } from './health-ready.ts'
import { openapiGet } from './openapi-get.ts'
import { operationGet } from './operation-get.ts'
import { operationList } from './operation-list.ts'
import type { FunctionName, Handle } from './routes.ts'

const HANDLES: Readonly<Record<FunctionName, Handle>> = {
  'backend-reconnect': backendReconnect,
  'operation-list': operationList,
  'operation-get': operationGet,
  'health-live': healthLive,
  'health-ready': healthReady,
  'openapi-get': openapiGet,
}

/** The last wrapper: a defect is written down and answered 500 with an id to find it by; nothing is ever thrown at the host. */
export async function handle(name: FunctionName, request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  try {
    return { ...(await HANDLES[name](request, context)) }
  } catch (error) {
    const correlationId = context.invocationId
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    context.error(JSON.stringify({ event: 'reconnect.defect', correlationId, function: name, error: printable(text, 4_096) }))
    return { ...toFailureReply({ reason: 'defect', detail: '' }, correlationId, undefined) }
  }
}

/** Reads what the first request will need. */
export async function warm(): Promise<void> {
  const app = composition()
  if (app.ok) await app.value.warm()
}
