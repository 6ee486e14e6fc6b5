import { MANAGED_IDENTITY } from './directory.ts'

/** ARM's errors in their recorded wording, one function per case. `details: null` is how the API Management resource provider writes "none". */
export interface ArmRefusal {
  readonly status: number
  readonly body: {
    readonly error: {
      readonly code: string
      readonly message: string
      readonly target?: string
      readonly details?: unknown
    }
  }
  readonly retryAfter?: string
  /** ARM itself refused, the resource provider was never asked (`x-ms-failure-cause: gateway`). */
  readonly gateway: boolean
}

function gateway(status: number, code: string, message: string): ArmRefusal {
  return { status, gateway: true, body: { error: { code, message } } }
}

function provider(status: number, code: string, message: string, details: unknown = null): ArmRefusal {
  return { status, gateway: false, body: { error: { code, message, details } } }
}

export const authenticationFailed = (): ArmRefusal => gateway(401, 'AuthenticationFailed', 'Authentication failed.')

export const missingApiVersion = (): ArmRefusal =>
  gateway(
    400,
    'MissingApiVersionParameter',
    'The api-version query parameter (?api-version=) is required for all requests.',
  )

export const invalidApiVersion = (given: string, supported: readonly string[]): ArmRefusal =>
  gateway(
    400,
    'InvalidApiVersionParameter',
    `The api-version '${given}' is invalid. The supported versions are '${supported.join(',')}'.`,
  )

export const invalidResourceType = (type: string, apiVersion: string): ArmRefusal =>
  gateway(
    404,
    'InvalidResourceType',
    `The resource type '${type}' could not be found in the namespace 'Microsoft.ApiManagement' for api version '${apiVersion}'.`,
  )

export const subscriptionNotFound = (id: string): ArmRefusal =>
  gateway(404, 'SubscriptionNotFound', `The subscription '${id}' could not be found.`)

export const resourceGroupNotFound = (name: string): ArmRefusal =>
  gateway(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`)

export const serviceNotFound = (service: string, group: string): ArmRefusal =>
  gateway(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.ApiManagement/service/${service}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  )

export const authorizationFailed = (action: string, scope: string): ArmRefusal =>
  gateway(
    403,
    'AuthorizationFailed',
    `The client '${MANAGED_IDENTITY.clientId}' with object id '${MANAGED_IDENTITY.objectId}' does not have authorization to perform action '${action}' ` +
      `over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  )

export const methodNotAllowed = (): ArmRefusal =>
  gateway(405, 'HttpMethodNotSupported', 'The requested resource does not support this http method.')

export const backendNotFound = (): ArmRefusal => provider(404, 'ResourceNotFound', 'Backend not found.')

export const consumptionTier = (): ArmRefusal =>
  provider(400, 'MethodNotAllowedInPricingTier', 'Method not allowed in Consumption pricing tier')

export const activating = (): ArmRefusal => {
  const { body, ...rest } = provider(400, 'InvalidOperation', 'API Management service is activating')
  return { ...rest, body: { error: { code: body.error.code, message: body.error.message } } }
}

export const unsupportedMediaType = (given: string): ArmRefusal =>
  gateway(
    415,
    'UnsupportedMediaType',
    `The content media type '${given}' is not supported. Only 'application/json' is supported.`,
  )

export const invalidContent = (): ArmRefusal =>
  gateway(400, 'InvalidRequestContent', 'The request content was invalid and could not be deserialized.')

export const invalidField = (target: string, message: string): ArmRefusal =>
  provider(400, 'ValidationError', 'One or more fields contain incorrect values:', [
    { code: 'ValidationError', target, message },
  ])

export const throttled = (seconds: string | undefined): ArmRefusal => ({
  ...gateway(
    429,
    'SubscriptionRequestsThrottled',
    `Number of 'write' requests for subscription actor '${MANAGED_IDENTITY.objectId}' exceeded. Please try again after '${seconds ?? '10'}' seconds after additional tokens are available. ` +
      'Refer to https://aka.ms/arm-throttling for additional information.',
  ),
  ...(seconds !== undefined && { retryAfter: seconds }),
})

/** Statuses without a case of their own. */
const PLAIN: Readonly<Record<number, readonly [code: string, message: string]>> = {
  408: ['RequestTimeout', 'The request timed out.'],
  409: ['Conflict', 'Operation on the API is in progress.'],
  412: ['PreconditionFailed', 'The condition was not met.'],
  500: ['InternalServerError', 'An unexpected error occurred.'],
  503: ['ServiceUnavailable', 'The service is temporarily unavailable.'],
  504: [
    'GatewayTimeout',
    "The gateway did not receive a response from 'Microsoft.ApiManagement' within the specified time period.",
  ],
}

/** The refusal that ARM gives with this status. */
export function refusalOfStatus(status: number, scope: string, retryAfter: string | undefined): ArmRefusal {
  switch (status) {
    case 401:
      return authenticationFailed()
    case 403:
      return authorizationFailed('Microsoft.ApiManagement/service/backends/reconnect/action', scope)
    case 404:
      return backendNotFound()
    case 429:
      return throttled(retryAfter)
    default: {
      const [code, message] = PLAIN[status] ?? ['Error', `The request failed with status ${status}.`]
      return { ...gateway(status, code, message), ...(retryAfter !== undefined && { retryAfter }) }
    }
  }
}
