import { err, ok, type Result } from '../shared/result.ts'
import { foldAscii, isSegment, type SegmentName } from './segments.ts'

declare const parsed: unique symbol

/** The four parts that name an API Management backend, as a caller spelled them. */
export interface BackendParts {
  readonly subscriptionId: string
  readonly resourceGroupName: string
  readonly serviceName: string
  readonly backendId: string
}

/**
 * A backend that passed the grammar. Only {@link parseBackendParts} and {@link parseBackendResourceId} make one; policy,
 * ledger key, audit and SDK call all read these parts and nothing else.
 */
export interface Backend extends BackendParts {
  readonly [parsed]: true
  /** The ARM resource id, spelled as the caller spelled its parts. */
  readonly resourceId: string
  /** The resource id with ASCII letters folded: two spellings of one backend have one key. */
  readonly key: string
}

export interface SegmentFault {
  readonly segment: SegmentName | 'resourceId'
}

const SEGMENTS: readonly SegmentName[] = ['subscriptionId', 'resourceGroupName', 'serviceName', 'backendId']

/** The fixed words of a backend's resource id, folded; a part between them is checked by its own grammar. */
const RESOURCE_ID =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.apimanagement\/service\/[^/]+\/backends\/[^/]+$/

export function parseBackendParts(parts: Partial<Record<SegmentName, string>>): Result<Backend, SegmentFault> {
  for (const segment of SEGMENTS) {
    const text = parts[segment]
    if (text === undefined || !isSegment(segment, text)) return err({ segment })
  }
  const { subscriptionId, resourceGroupName, serviceName, backendId } = parts as BackendParts
  const resourceId = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}/providers/Microsoft.ApiManagement/service/${serviceName}/backends/${backendId}`
  return ok({
    subscriptionId,
    resourceGroupName,
    serviceName,
    backendId,
    resourceId,
    key: foldAscii(resourceId),
  } as Backend)
}

/** Reads a whole ARM resource id. Fixed words match without regard to case, as in ARM; nothing is decoded. */
export function parseBackendResourceId(text: string): Result<Backend, SegmentFault> {
  if (!RESOURCE_ID.test(foldAscii(text))) return err({ segment: 'resourceId' })
  const [, , subscriptionId, , resourceGroupName, , , , serviceName, , backendId] = text.split('/')
  return parseBackendParts({ subscriptionId, resourceGroupName, serviceName, backendId } as BackendParts)
}
