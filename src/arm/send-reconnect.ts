import type { AuthorizedReconnect } from '../policy/authorize.ts'
import type { RequestIds } from '../reconnect/ports.ts'
import { DONE, type Clock } from '../shared/clock.ts'
import type { ArmAnswer } from './answer.ts'
import type { ClientPool } from './client-pool.ts'
import { TransportError } from '../transport/transport-error.ts'

/** The part of the SDK's `onResponse` argument that is read here. */
interface SdkResponse {
  readonly status: number
  readonly headers: { get(name: string): string | undefined }
  readonly bodyAsText?: string | null
}

/** One POST through the official SDK, for at most `timeoutMs`. Its outcome is a value; rejects on a defect only. */
export async function sendReconnect(
  permit: AuthorizedReconnect,
  ids: RequestIds,
  { clients, clock, timeoutMs }: { clients: ClientPool; clock: Clock; timeoutMs: number },
): Promise<ArmAnswer> {
  const { backend, apiVersion, after } = permit.command
  const client = clients.get(backend.subscriptionId, apiVersion)
  const timeout = new AbortController()
  const cancel = clock.after(timeoutMs, () => timeout.abort(DONE))
  let answer: SdkResponse | undefined
  try {
    await client.backend.reconnect(backend.resourceGroupName, backend.serviceName, backend.backendId, {
      ...(after === undefined ? {} : { parameters: { after: after.text } }),
      abortSignal: timeout.signal,
      requestOptions: {
        customHeaders: {
          'x-ms-correlation-request-id': ids.correlationId,
          ...(ids.clientRequestId === undefined ? {} : { 'x-ms-client-request-id': ids.clientRequestId }),
          ...(ids.traceparent === undefined ? {} : { traceparent: ids.traceparent }),
        },
      },
      // Called for every answer, also for those that the SDK turns into an exception. Only this answer is read.
      onResponse: (response) => (answer = response),
    })
  } catch (error) {
    if (answer === undefined) return unanswered(error, timeout.signal.aborted)
  } finally {
    cancel()
  }
  if (answer === undefined) throw new Error('the SDK returned without an answer')
  const { status, headers, bodyAsText } = answer
  return { kind: 'answered', status, header: (name) => headers.get(name), body: bodyAsText ?? '' }
}

/** An error that is no transport error is a defect and is thrown, unless the time had ended: then the outcome is unknown. */
function unanswered(error: unknown, timedOut: boolean): ArmAnswer {
  if (error instanceof TransportError)
    return { kind: error.sent ? 'lost' : 'not_sent', detail: `${error.code}: ${error.message}`, timedOut }
  if (timedOut) return { kind: 'lost', detail: error instanceof Error ? error.name : 'aborted', timedOut }
  throw error
}
