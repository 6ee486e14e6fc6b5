import { MANAGED_IDENTITY } from './directory.ts'

export const SUBSCRIPTION_ID = 'b8c1e9a2-5d34-4f70-8e16-9a2d7c3f4b05'
const OTHER_SUBSCRIPTION_ID = '0f5d7c3e-8b29-4a61-b7d4-2c9e6f1a8035'

export type Sku = 'Developer' | 'Standard' | 'Premium' | 'Consumption'

export interface Service {
  readonly subscriptionId: string
  readonly resourceGroup: string
  readonly name: string
  readonly sku: Sku
  readonly provisioningState: 'Succeeded' | 'Activating'
  readonly backends: readonly string[]
}

/** A backend id with every kind of character that its grammar admits and paths do not like. */
const UNUSUAL_BACKEND = 'orders~v2!(eu)=a;b,c@d[e]\'$f`g{h|i}^j_"k'

/** The API Management services of the simulation. */
export const SERVICES: readonly Service[] = [
  {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: 'rg-apim',
    name: 'apim-prod',
    sku: 'Premium',
    provisioningState: 'Succeeded',
    backends: ['orders', 'payments', 'Inventory.API', UNUSUAL_BACKEND],
  },
  {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: 'rg-apim',
    name: 'apim-dev',
    sku: 'Developer',
    provisioningState: 'Succeeded',
    backends: ['orders', 'payments', 'invoices', 'returns', 'shipping'],
  },
  {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: 'rg-apim',
    name: 'apim-serverless',
    sku: 'Consumption',
    provisioningState: 'Succeeded',
    backends: ['orders'],
  },
  {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: 'rg-apim',
    name: 'apim-new',
    sku: 'Standard',
    provisioningState: 'Activating',
    backends: ['orders'],
  },
  {
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroup: 'rg-locked',
    name: 'apim-locked',
    sku: 'Premium',
    provisioningState: 'Succeeded',
    backends: ['orders'],
  },
  {
    subscriptionId: OTHER_SUBSCRIPTION_ID,
    resourceGroup: 'rg-apim-eu',
    name: 'apim-eu',
    sku: 'Premium',
    provisioningState: 'Succeeded',
    backends: ['orders'],
  },
]

export const SUBSCRIPTION_IDS: readonly string[] = [SUBSCRIPTION_ID, OTHER_SUBSCRIPTION_ID]

/** A custom role with the least that the function app needs. */
export const RECONNECT_ROLE_ACTIONS: readonly string[] = [
  'Microsoft.ApiManagement/service/backends/reconnect/action',
  'Microsoft.ApiManagement/service/backends/read',
]

export interface RoleAssignment {
  readonly objectId: string
  readonly scope: string
  readonly actions: readonly string[]
}

/** Nothing on `rg-locked`: there the policy may allow what ARM then refuses to our identity. */
export const ROLE_ASSIGNMENTS: readonly RoleAssignment[] = [
  {
    objectId: MANAGED_IDENTITY.objectId,
    scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
    actions: RECONNECT_ROLE_ACTIONS,
  },
  {
    objectId: MANAGED_IDENTITY.objectId,
    scope: `/subscriptions/${OTHER_SUBSCRIPTION_ID}`,
    actions: RECONNECT_ROLE_ACTIONS,
  },
]

/** Every service of `rg-apim`, by the label or attribute `apim_service`. */
export const SERVICE_PATTERN = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/{apim_service}`

export function serviceResourceId(service: Pick<Service, 'subscriptionId' | 'resourceGroup' | 'name'>): string {
  return `/subscriptions/${service.subscriptionId}/resourceGroups/${service.resourceGroup}/providers/Microsoft.ApiManagement/service/${service.name}`
}

/** Every backend that exists, those of services that refuse a reconnect included. */
export const ALL_BACKENDS: readonly string[] = SERVICES.flatMap((service) =>
  service.backends.map((id) => `${serviceResourceId(service)}/backends/${id}`),
)

/** Backends that accept a reconnect and that the sandbox's own policy lets its operator reconnect. The first is the tool's. */
export const RECONNECTABLE_BACKENDS: readonly string[] = ALL_BACKENDS.filter((id) =>
  /\/rg-apim\/.*\/service\/apim-(?:prod|dev)\//.test(id),
)
