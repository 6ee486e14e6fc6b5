import type { Operation } from '../../../src/console/api-types.ts'

export const NOW = Date.parse('2026-11-27T12:00:00Z')
export const SERVICE =
  '/subscriptions/b8c1e9a2-5d34-4f70-8e16-9a2d7c3f4b05/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod'
export const BACKEND = `${SERVICE}/backends/orders`

export function at(minutes: number): string {
  return new Date(NOW + minutes * 60_000).toISOString()
}

/** A reconnect that a user asked for five minutes ago, and that ARM accepted. */
export function anOperation(change: Partial<Operation> = {}): Operation {
  return {
    id: 'a'.repeat(51),
    backend: BACKEND,
    state: 'forwarded',
    due: at(-3),
    requestedAt: at(-5),
    updatedAt: at(-5),
    caller: { kind: 'user', id: '5a7e3c91-0d4f-4b82-96c5-f8e1b2a7d364', name: 'Olivia Operator' },
    trigger: { kind: 'http' },
    attempts: 1,
    arm: { status: 202, requestId: 'r', correlationId: 'c' },
    ...change,
  }
}

export const AN_ALERT = { kind: 'webhook', webhook: 'alertmanager', alertId: 'f00d', alertRule: 'Failures' } as const
