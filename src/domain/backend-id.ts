import { err, ok, type Result } from '../shared/result.ts'
import { foldAscii, isSegment, type SegmentName } from './segments.ts'

declare const parsed: unique symbol

/** The four parts of an API Management backend's name, in the caller's spelling. */
export interface BackendParts {
  readonly subscriptionId: string
  readonly resourceGroupName: string
  readonly serviceName: string
  readonly backendId: string
}

/**
 * A backend whose parts passed the grammar of the contract, section 3. Only {@link parseBackendParts} and {@link parseBackendResourceId}
 * make one. Policy, storage key, audit and SDK call all use these parts and nothing else.
 */
export interface Backend extends BackendParts {
  readonly [parsed]: true
  /** The ARM resource id with the parts in the caller's spelling. */
  readonly resourceId: string
  /** The resource id with ASCII letters folded: all spellings of a backend have the same key. */
  readonly key: string
}

export interface SegmentFault {
  readonly segment: SegmentName | 'resourceId'
}

const SEGMENTS: readonly SegmentName[] = ['subscriptionId', 'resourceGroupName', 'serviceName', 'backendId']

/** The fixed words of a backend's resource id, folded. Each part between them is checked by its own grammar. */
const RESOURCE_ID =
  /^\/subscriptions\/[^/]+\/resourcegroups\/[^/]+\/providers\/microsoft\.apimanagement\/service\/[^/]+\/backends\/[^/]+$/

/** The fault names the first part that is missing or does not match its grammar. */
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

/** Parses a whole ARM resource id. Fixed words match in any letter case, as in ARM. Percent-encoding is NOT decoded. */
export function parseBackendResourceId(text: string): Result<Backend, SegmentFault> {
  if (!RESOURCE_ID.test(foldAscii(text))) return err({ segment: 'resourceId' })
  const [, , subscriptionId, , resourceGroupName, , , , serviceName, , backendId] = text.split('/')
  return parseBackendParts({ subscriptionId, resourceGroupName, serviceName, backendId } as BackendParts)
}
