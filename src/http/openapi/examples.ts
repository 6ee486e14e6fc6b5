import type { SegmentName } from '../../domain/segments.ts'

/** The same backend, operation and people everywhere, so that the examples tell one story. */
export const SERVICE_ID =
  '/subscriptions/{subscriptionId}/resourceGroups/rg-contoso/providers/Microsoft.ApiManagement/service/apim-contoso'
export const BACKEND_ID = `${SERVICE_ID}/backends/orders`
export const OPERATION_ID = 'MDE5YWM3ZTItb3JkZXJz'
/** No GUID anywhere: the document is open to everyone and shows no id, not even one that only looks real. */
export const SEGMENTS: Partial<Record<SegmentName, string>> = {
  resourceGroupName: 'rg-contoso',
  serviceName: 'apim-contoso',
  backendId: 'orders',
}

const PERSON = { kind: 'user', id: '{objectId}', name: 'Ada Example' }

export const OPERATION = {
  id: OPERATION_ID,
  backend: BACKEND_ID,
  state: 'forwarded',
  after: 'PT5M',
  due: '2026-11-27T12:05:00.000Z',
  requestedAt: '2026-11-27T12:00:00.000Z',
  updatedAt: '2026-11-27T12:00:00.250Z',
  reason: 'INC-4711',
  caller: PERSON,
  trigger: { kind: 'http' },
  attempts: 1,
  arm: { status: 202, requestId: '{requestId}' },
}

export const ALERT_ANSWERS = {
  alerts: [{ backend: BACKEND_ID, outcome: 'accepted', operation: OPERATION_ID }],
}

export const GENERIC_ALERT = { backends: [BACKEND_ID], after: 'PT2M', reason: 'deployment 42' }

export const GRANTS = {
  caller: PERSON,
  principals: ['user:{objectId}', 'role:Reconnect.Operator'],
  grants: [{ scope: SERVICE_ID, actions: ['reconnect', 'read'] }],
}

export const BACKENDS = {
  value: [
    {
      id: BACKEND_ID,
      actions: ['reconnect', 'read'],
      scheduled: { operation: OPERATION_ID, due: '2026-11-27T12:05:00.000Z' },
      last: OPERATION,
    },
  ],
}

export const DELIVERIES = {
  value: [
    {
      at: '2026-11-27T12:00:00.000Z',
      outcome: 'unmatched',
      reason: "backend: the alert has no attribute 'BackendId'",
      alertRule: 'apim-backend-orders',
    },
  ],
}

export const NEW_PAUSE = { scope: SERVICE_ID, until: '2026-11-27T14:00:00Z', reason: 'planned maintenance' }
export const PAUSE = {
  id: 'pause-019ac7e2',
  ...NEW_PAUSE,
  createdAt: '2026-11-27T12:00:00.000Z',
  createdBy: PERSON,
}
