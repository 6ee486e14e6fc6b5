import { jwtVerify } from 'jose'
import {
  activating,
  authenticationFailed,
  authorizationFailed,
  backendNotFound,
  consumptionTier,
  invalidApiVersion,
  invalidContent,
  invalidField,
  invalidResourceType,
  methodNotAllowed,
  missingApiVersion,
  resourceGroupNotFound,
  serviceNotFound,
  subscriptionNotFound,
  unsupportedMediaType,
  type ArmRefusal,
} from './arm-errors.ts'
import type { ArmRequest, ArmTarget } from './arm-request.ts'
import { TENANT_ID } from './directory.ts'
import { ROLE_ASSIGNMENTS, SERVICES, SUBSCRIPTION_IDS, serviceResourceId, type Service } from './resources.ts'
import type { KeyRing } from './signing-keys.ts'

/** Versions of Microsoft.ApiManagement that the simulated ARM knows; all have the operation. */
export const API_VERSIONS: readonly string[] = [
  '2019-12-01-preview',
  '2019-12-01',
  '2020-06-01-preview',
  '2020-12-01',
  '2021-01-01-preview',
  '2021-04-01-preview',
  '2021-08-01',
  '2021-12-01-preview',
  '2022-04-01-preview',
  '2022-08-01',
  '2022-09-01-preview',
  '2023-03-01-preview',
  '2023-05-01-preview',
  '2023-09-01-preview',
  '2024-05-01',
  '2024-06-01-preview',
  '2024-10-01-preview',
  '2025-03-01-preview',
  '2025-09-01-preview',
  '2026-03-01-preview',
]

const RECONNECT = 'Microsoft.ApiManagement/service/backends/reconnect/action'
const READ = 'Microsoft.ApiManagement/service/backends/read'

export type ArmJudgement =
  | { readonly kind: 'refused'; readonly refusal: ArmRefusal }
  | { readonly kind: 'backend'; readonly target: ArmTarget }
  /** To be accepted; `after` as the caller wrote it. */
  | { readonly kind: 'reconnect'; readonly target: ArmTarget; readonly after: string | undefined }

export interface ArmVerifier {
  readonly keys: KeyRing
  /** Accepted audiences: ARM's own endpoint. */
  readonly audiences: () => readonly string[]
  /** Whether a backend exists beside those of {@link SERVICES}, by its resource id. */
  readonly hasBackend: (resourceId: string) => boolean
  readonly now: () => number
}

/**
 * What ARM makes of a request, in ARM's order: token → api-version → resource type → subscription → permission → resource group → service →
 * (the resource provider:) backend → body → pricing tier and state. A caller without permission is not told what exists.
 */
export async function judge(request: ArmRequest, verifier: ArmVerifier): Promise<ArmJudgement> {
  const objectId = await authenticate(request.headers.authorization, verifier)
  if (objectId === undefined) return refused(authenticationFailed())
  const apiVersion = request.query.get('api-version')
  if (apiVersion === null || apiVersion === '') return refused(missingApiVersion())
  if (!API_VERSIONS.includes(apiVersion)) return refused(invalidApiVersion(apiVersion, API_VERSIONS))
  const { target } = request
  if (target === undefined) return refused(invalidResourceType(request.path.split('/').slice(7).join('/'), apiVersion))

  const action = target.action === 'reconnect' ? RECONNECT : READ
  if (!SUBSCRIPTION_IDS.includes(target.subscriptionId.toLowerCase()))
    return refused(subscriptionNotFound(target.subscriptionId))
  if (!isAllowed(objectId, action, target.resourceId)) return refused(authorizationFailed(action, target.resourceId))
  const service = findService(target)
  if (service === 'no-group') return refused(resourceGroupNotFound(target.resourceGroup))
  if (service === undefined) return refused(serviceNotFound(target.serviceName, target.resourceGroup))
  if (request.method !== (target.action === 'reconnect' ? 'POST' : 'GET')) return refused(methodNotAllowed())
  if (!service.backends.some((id) => same(id, target.backendId)) && !verifier.hasBackend(target.resourceId))
    return refused(backendNotFound())
  return target.action === 'reconnect' ? judgeReconnect(request, target, service) : { kind: 'backend', target }
}

function judgeReconnect(request: ArmRequest, target: ArmTarget, service: Service): ArmJudgement {
  const body = readBody(request)
  if (!body.ok) return refused(body.refusal)
  if (service.sku === 'Consumption') return refused(consumptionTier())
  if (service.provisioningState === 'Activating') return refused(activating())
  return { kind: 'reconnect', target, after: body.after }
}

function refused(refusal: ArmRefusal): ArmJudgement {
  return { kind: 'refused', refusal }
}

/** The object id of the token's owner, if the token is one for ARM, in date, and signed by the tenant. */
async function authenticate(
  authorization: unknown,
  { keys, audiences, now }: ArmVerifier,
): Promise<string | undefined> {
  const token = typeof authorization === 'string' ? /^Bearer ([^ ]+)$/i.exec(authorization)?.[1] : undefined
  if (token === undefined) return undefined
  try {
    const findKey = ({ kid }: { kid?: string }) => {
      const key = keys.find(kid ?? '')
      if (key === undefined) throw new Error('unknown key')
      return key.publicKey
    }
    const { payload } = await jwtVerify(token, findKey, {
      algorithms: ['RS256'],
      audience: audiences().flatMap((audience) => [audience, `${audience}/`]),
      issuer: `https://sts.windows.net/${TENANT_ID}/`,
      requiredClaims: ['exp', 'oid'],
      currentDate: new Date(now()),
    })
    return String(payload['oid'])
  } catch {
    return undefined
  }
}

function isAllowed(objectId: string, action: string, resourceId: string): boolean {
  return ROLE_ASSIGNMENTS.some(
    (assignment) =>
      assignment.objectId === objectId &&
      assignment.actions.includes(action) &&
      `${resourceId}/`.toLowerCase().startsWith(`${assignment.scope}/`.toLowerCase()),
  )
}

function findService(target: ArmTarget): Service | 'no-group' | undefined {
  const inGroup = SERVICES.filter(
    (service) =>
      same(service.subscriptionId, target.subscriptionId) && same(service.resourceGroup, target.resourceGroup),
  )
  if (inGroup.length === 0) return 'no-group'
  return inGroup.find((service) =>
    same(serviceResourceId(service), target.resourceId.slice(0, target.resourceId.lastIndexOf('/backends/'))),
  )
}

const ISO_8601_DURATION =
  /^P(?=[0-9T])(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+W)?(?:[0-9]+D)?(?:T(?=[0-9])(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?$/

/** The documented minimum of `PT2M` is not enforced: the official example sends `PT3S` and gets 202. */
function readBody(request: ArmRequest): { ok: true; after: string | undefined } | { ok: false; refusal: ArmRefusal } {
  if (request.body === '') return { ok: true, after: undefined }
  const contentType = String(request.headers['content-type'] ?? '')
  if (!/^application\/json(?:;|$)/i.test(contentType)) return { ok: false, refusal: unsupportedMediaType(contentType) }
  let parsed: unknown
  try {
    parsed = JSON.parse(request.body)
  } catch {
    return { ok: false, refusal: invalidContent() }
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return { ok: false, refusal: invalidContent() }
  const after = (parsed as { properties?: { after?: unknown } | null }).properties?.after ?? undefined
  if (after === undefined) return { ok: true, after }
  if (typeof after !== 'string' || !ISO_8601_DURATION.test(after))
    return { ok: false, refusal: invalidField('after', 'Value must be a positive ISO 8601 duration.') }
  return { ok: true, after }
}

/** Azure's names are ASCII, compared without regard to case. */
function same(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase()
}
