/** A request to ARM, taken apart and not yet judged. */
export interface ArmRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  /** Undefined where the path does not lead to a backend. */
  readonly target: ArmTarget | undefined
}

export interface ArmTarget {
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly serviceName: string
  readonly backendId: string
  /** As the path spelled it, decoded. */
  readonly resourceId: string
  /** The last word of the path, if it goes on behind the backend. */
  readonly action: 'reconnect' | undefined
}

const BACKEND_PATH =
  /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.ApiManagement\/service\/([^/]+)\/backends\/([^/]+)(\/reconnect)?\/?$/i

/** Segments are decoded one by one, so an encoded slash separates nothing. Names match without regard to case, as ARM compares them. */
export function parseTarget(path: string): ArmTarget | undefined {
  const match = BACKEND_PATH.exec(path)
  if (match === null) return undefined
  try {
    const [subscriptionId, resourceGroup, serviceName, backendId] = match.slice(1, 5).map(decodeURIComponent) as [
      string,
      string,
      string,
      string,
    ]
    const resourceId = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ApiManagement/service/${serviceName}/backends/${backendId}`
    return {
      subscriptionId,
      resourceGroup,
      serviceName,
      backendId,
      resourceId,
      action: match[5] === undefined ? undefined : 'reconnect',
    }
  } catch {
    return undefined
  }
}
