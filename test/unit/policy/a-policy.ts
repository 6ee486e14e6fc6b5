import assert from 'node:assert/strict'
import { parsePolicy, type Grant, type PolicyProblem } from '../../../src/policy/policy-document.ts'
import { BACKEND_ID, GROUP_ID, SERVICE_ID } from '../domain/ids.ts'

/** The sample of the contract's section 8, with GUIDs filled in. */
export const SAMPLE = {
  $schema: './policy.schema.json',
  grants: [
    { principal: 'role:Reconnect.Operator', scope: GROUP_ID, actions: ['reconnect', 'read', 'force'] },
    { principal: 'app:66666666-7777-8888-9999-000000000000', scope: BACKEND_ID },
    { principal: 'webhook:azure-monitor', scope: SERVICE_ID },
  ],
  webhooks: {
    'azure-monitor': {
      format: 'azure-monitor',
      authentication: { type: 'entra', role: 'ActionGroupsSecureWebhook' },
      match: { alertRule: 'apim-backend-*' },
    },
    alertmanager: {
      format: 'alertmanager',
      authentication: { type: 'bearer', secret: 'ALERTMANAGER_TOKEN', nextSecret: 'ALERTMANAGER_TOKEN_NEXT' },
      backend: `${GROUP_ID}/providers/Microsoft.ApiManagement/service/{apim_service}/backends/{backend_id}`,
      after: 'PT2M',
    },
    grafana: {
      format: 'grafana',
      authentication: {
        type: 'hmac',
        secret: 'GRAFANA_HMAC',
        timestampHeader: 'X-Grafana-Alerting-Timestamp',
        toleranceSeconds: 300,
      },
      backend: '{backend_resource_id}',
    },
  },
  limits: { perBackend: { count: 6, window: 'PT1H' } },
  deliverWithin: 'PT6H',
}

/** The grants, in a document that has the webhooks that they name. */
export function grantsOf(...grants: { principal: string; scope: string; actions?: string[] }[]): readonly Grant[] {
  const names = grants.flatMap(({ principal }) => /^webhook:([a-z0-9-]{1,63})$/.exec(principal)?.[1] ?? [])
  const webhook = { format: 'generic', authentication: { type: 'bearer', secret: 'S' } }
  const webhooks = Object.fromEntries(names.map((name) => [name, webhook]))
  const policy = parsePolicy(JSON.stringify({ grants, webhooks }))
  assert.ok(policy.ok, JSON.stringify(policy))
  return policy.value.grants
}

export function problemsOf(document: unknown): readonly PolicyProblem[] {
  const policy = parsePolicy(typeof document === 'string' ? document : JSON.stringify(document))
  return policy.ok ? [] : policy.error
}

/** A copy of the sample with one member changed; `undefined` removes it. */
export function sampleWith(path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(SAMPLE) as unknown
  let at = copy as Record<string | number, unknown>
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
  at[path.at(-1) as string | number] = value
  return copy
}
