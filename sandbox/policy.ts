import { OPERATOR_ROLE, READER_ROLE, TOOL } from './azure/directory.ts'
import { RECONNECTABLE_BACKENDS, SUBSCRIPTION_ID } from './azure/resources.ts'
import { SANDBOX_WEBHOOKS } from './webhooks.ts'

const WEBHOOK_GRANTS = Object.keys(SANDBOX_WEBHOOKS).map((name) => ({
  principal: `webhook:${name}`,
  scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
}))
const OPERATOR = { principal: `role:${OPERATOR_ROLE}`, actions: ['reconnect', 'read', 'force', 'pause'] }

/**
 * Grants of the sandbox's callers. Operators: everything in two resource groups (in `rg-locked` ARM then refuses our own identity). Readers: reading in one. The
 * tool: one backend. Webhooks: everything in `rg-apim`. The stranger: nothing.
 */
export const SANDBOX_POLICY = {
  grants: [
    { ...OPERATOR, scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim` },
    { ...OPERATOR, scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-locked` },
    {
      principal: `role:${READER_ROLE}`,
      scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
      actions: ['read'],
    },
    { principal: `app:${TOOL.clientId}`, scope: RECONNECTABLE_BACKENDS[0] as string },
    ...WEBHOOK_GRANTS,
  ],
  webhooks: SANDBOX_WEBHOOKS,
}
