/** What of `@azure/functions-core` passes between worker and library. The module exists at run time only, so its shape is written down here. */

export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none'
export type LogCategory = 'user' | 'system' | 'customMetric'

/** A protobuf `NullableString`. */
export interface NullableString {
  readonly value: string
}

/** `RpcHttp` as the host sends a request: url and method, then dictionaries of nullable strings, then bytes. */
export interface RpcHttpRequest {
  readonly url: string
  readonly method: string
  readonly nullableHeaders: Readonly<Record<string, NullableString>>
  readonly nullableQuery: Readonly<Record<string, NullableString>>
  readonly nullableParams: Readonly<Record<string, NullableString>>
  readonly body?: { readonly bytes: Uint8Array }
}

/** `RpcHttp` as the library sends a response. */
export interface RpcHttpResponse {
  readonly statusCode?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cookies?: readonly RpcHttpCookie[]
  readonly body?: TypedData | null
}

export interface RpcHttpCookie {
  readonly name: string
  readonly value: string
  readonly domain?: NullableString
  readonly path?: NullableString
  readonly expires?: { readonly value: { readonly seconds: number } }
  readonly secure?: { readonly value: boolean }
  readonly httpOnly?: { readonly value: boolean }
  readonly sameSite?: 'none' | 'lax' | 'strict' | 'explicitNone'
  readonly maxAge?: { readonly value: number }
}

export interface TypedData {
  readonly http?: RpcHttpRequest | RpcHttpResponse
  readonly bytes?: Uint8Array
  readonly string?: string
  readonly json?: string
}

export interface InvocationRequest {
  readonly invocationId: string
  readonly functionId: string
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[]
  readonly triggerMetadata: Readonly<Record<string, TypedData>>
  readonly traceContext: {
    readonly traceParent: string
    readonly traceState: string
    readonly attributes: Record<string, string>
  }
}

export interface InvocationResponse {
  readonly invocationId: string
  readonly returnValue?: TypedData | null
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[]
}

export interface BindingInfo {
  readonly type?: string
  readonly direction?: string
  readonly [option: string]: unknown
}

export interface FunctionMetadata {
  readonly name: string
  readonly functionId?: string
  readonly bindings: Readonly<Record<string, BindingInfo>>
}

export type FunctionCallback = (...args: unknown[]) => unknown

export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>
  invokeFunction(context: unknown, inputs: unknown[], handler: FunctionCallback): Promise<unknown>
  getResponse(context: unknown, result: unknown): Promise<InvocationResponse>
}

export interface ProgrammingModel {
  readonly name: string
  readonly version: string
  getInvocationModel(context: CoreInvocationContext): InvocationModel | Promise<InvocationModel>
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>> | Record<string, string>
}

export interface CoreInvocationContext {
  readonly invocationId: string
  readonly request: InvocationRequest
  readonly metadata: FunctionMetadata
  state: 'preInvocationHooks' | 'postInvocationHooks' | 'invocation' | undefined
  log(level: LogLevel, category: LogCategory, message: string): void
}

export type HookCallback = (context: unknown) => unknown

/** One line of log of the host or the app. */
export interface LogRecord {
  readonly level: LogLevel
  readonly category: LogCategory
  readonly message: string
  /** Set for what belongs to one invocation. */
  readonly functionName?: string
  readonly invocationId?: string
  /** Category of the host's logger, as `logging.logLevel` of host.json names it; without it, the function's or the local host's own. */
  readonly logger?: string
}

export type LogSink = (record: LogRecord) => void
