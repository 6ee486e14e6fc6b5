import { randomUUID } from 'node:crypto'
import type { CoreInvocationContext, InvocationRequest, InvocationResponse, TypedData } from './core-types.ts'
import { executeHooks, readOnly } from './hooks.ts'
import type { RegisteredFunction, Worker } from './worker.ts'

/** What a trigger brings: the value of its own binding and its metadata. */
export interface Trigger {
  readonly data: TypedData
  readonly metadata: Readonly<Record<string, TypedData>>
  /** W3C `traceparent` of the caller, if it sent one. */
  readonly traceParent?: string
}

/**
 * One invocation, from any kind of trigger. Throws what the handler threw, unless a hook took the error away, and `WorkerLost` when the
 * worker has to be restarted before the end.
 */
export function invoke(worker: Worker, registered: RegisteredFunction, trigger: Trigger): Promise<InvocationResponse> {
  const invocationId = randomUUID()
  return worker.life.within(registered.metadata.name, invocationId, run(worker, registered, trigger, invocationId))
}

/** arguments → preInvocation hooks → handler → postInvocation hooks → response. */
async function run(
  worker: Worker,
  registered: RegisteredFunction,
  trigger: Trigger,
  invocationId: string,
): Promise<InvocationResponse> {
  const { metadata } = registered
  const model = worker.programmingModel
  if (model === undefined) throw new Error('no programming model is set')
  const request = toInvocationRequest(registered, trigger, invocationId)
  const coreContext: CoreInvocationContext = {
    invocationId,
    request,
    metadata,
    state: undefined,
    log: (level, category, message) =>
      worker.log({ level, category, message, functionName: metadata.name, invocationId }),
  }
  const invocation = await model.getInvocationModel(coreContext)
  const { context, inputs } = await invocation.getArguments()
  const data = Object.getOwnPropertyDescriptors(
    readOnly({ hookData: {}, appHookData: worker.appHookData, invocationContext: context }),
  )

  const before = Object.defineProperties({ functionCallback: registered.callback, inputs }, data)
  coreContext.state = 'preInvocationHooks'
  await executeHooks(worker, 'preInvocation', before)

  const after: { inputs: unknown[]; result: unknown; error: unknown } = {
    inputs: before.inputs,
    result: null,
    error: null,
  }
  Object.defineProperties(after, data)
  coreContext.state = 'invocation'
  try {
    after.result = await invocation.invokeFunction(context, before.inputs, before.functionCallback)
  } catch (error) {
    after.error = error
  }
  coreContext.state = 'postInvocationHooks'
  await executeHooks(worker, 'postInvocation', after)
  coreContext.state = undefined
  if (after.error !== null && after.error !== undefined) throw after.error
  return invocation.getResponse(context, after.result)
}

function toInvocationRequest(
  { metadata }: RegisteredFunction,
  trigger: Trigger,
  invocationId: string,
): InvocationRequest {
  const binding = Object.entries(metadata.bindings).find(([, binding]) => /trigger$/i.test(binding.type ?? ''))
  if (binding === undefined) throw new Error(`function "${metadata.name}" has no trigger`)
  return {
    invocationId,
    functionId: metadata.functionId ?? metadata.name,
    inputData: [{ name: binding[0], data: trigger.data }],
    triggerMetadata: trigger.metadata,
    traceContext: { traceParent: continueTrace(trigger.traceParent), traceState: '', attributes: {} },
  }
}

/** The host's own activity: in the caller's trace where there is one, with a span id of its own. */
function continueTrace(traceParent: string | undefined): string {
  const traceId = /^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceParent ?? '')?.[1] ?? randomHex()
  return `00-${traceId}-${randomHex().slice(16)}-01`
}

/** 32 digits. Node caches random bits for UUIDs; `randomBytes` makes a call of the operating system each time. */
function randomHex(): string {
  return randomUUID().replaceAll('-', '')
}
