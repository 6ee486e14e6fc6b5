/** Who exists in the simulated tenant. The ids are made up, but for the Azure CLI's, which is the same in every tenant. */

export const TENANT_ID = '3f1c7a52-6a0e-4d0b-9d5e-2b8f4c9e7d10'

/** The app registration of the function app's API. */
export const API_CLIENT_ID = '8e0f5b1a-4c27-4f6d-a3b9-61d2c7e4f085'
/** Its application id URI: what `ENTRA_AUDIENCE` is set to. */
export const API_AUDIENCE = `api://${API_CLIENT_ID}`

/** The system-assigned identity of the function app. */
export const MANAGED_IDENTITY = {
  clientId: 'c1d8a0f4-2b6e-47c3-8f59-7e3a9d5b6c42',
  objectId: 'e94b2d67-5f13-4a8c-b0e7-1c6f8a3d9527',
} as const

/** An identity of its own right that is assigned to the function app. */
export const USER_ASSIGNED_IDENTITY = {
  clientId: '7d3f9b62-0e58-4a1c-b4d7-95c2e8f1a036',
  objectId: 'b26e81d4-7c39-4f05-8a6d-3e1f5c0b9d74',
  resourceId:
    '/subscriptions/0f2c4e6a-1b3d-4f5e-8a9c-7d6b5e4f3c21/resourceGroups/rg-apim/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-reconnect',
} as const

export const OPERATOR_ROLE = 'Reconnect.Operator'

export const OPERATOR = {
  objectId: '5a7e3c91-0d4f-4b82-96c5-f8e1b2a7d364',
  name: 'Olivia Operator',
  userName: 'olivia@contoso.example',
  /** The Azure CLI, in which she signed in. */
  clientId: '04b07795-8ddb-461a-bbee-02f9e1bf7b46',
} as const

export const READER_ROLE = 'Reconnect.Reader'

export interface Person {
  readonly objectId: string
  readonly name: string
  readonly userName: string
  readonly roles: readonly string[]
  /** For the page in which one of them is chosen. */
  readonly about: string
}

/** Who can sign in to the console. */
export const PEOPLE: readonly Person[] = [
  { ...OPERATOR, roles: [OPERATOR_ROLE], about: 'an operator: may reconnect, force, read and pause' },
  {
    objectId: '2f6b9c04-8e5d-4a17-b3c8-70d1e4f5a962',
    name: 'Rita Reader',
    userName: 'rita@contoso.example',
    roles: [READER_ROLE],
    about: 'a reader: may read, and nothing else',
  },
  {
    objectId: 'd8a1f350-4b7e-4c29-9e06-3c5f2b8d7a41',
    name: 'Gus Guest',
    userName: 'gus@contoso.example',
    roles: [],
    about: 'a guest: has no grant',
  },
]

export const TOOL = {
  clientId: 'd27f6b18-93ac-4e50-8d1b-4a6c0e9f7358',
  objectId: '1b9d4e7a-c683-4f2d-a05e-8c3f6b7d2914',
} as const

export const STRANGER = {
  clientId: '6c3e8f05-7a1d-42b9-bf64-0d5e9a2c8b71',
  objectId: '9f0a5d3c-2e7b-4816-8c4d-b7f1e6a39d52',
} as const

/** Azure Monitor's action groups: the application, and the role, with which secure webhooks are called. They are the same in every tenant. */
export const ACTION_GROUP = { clientId: '461e8683-5575-4561-ac7f-899cc907d62a' } as const
export const ACTION_GROUP_ROLE = 'ActionGroupsSecureWebhook'
/** What to mint for an action group. */
export const ACTION_GROUP_TOKEN = { kind: 'tool', app: ACTION_GROUP.clientId, roles: [ACTION_GROUP_ROLE] } as const
