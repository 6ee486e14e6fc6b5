metadata description = 'The app registration that stands for APIM Reconnect, by Microsoft Graph Bicep. Deploy it with an account that may register applications and assign app roles. `npm run entra:register` does the same without the extension.'

targetScope = 'subscription'

extension microsoftGraphV1

@description('Name of the azd environment.')
param environmentName string

@description('Azure Monitor will post alerts: give its role to the service principal of action groups.')
param azureMonitor bool = true

@description('Event Grid will post events: give its role to Event Grid, and to the principal that deploys this.')
param eventGrid bool = false

@description('Object ids of people or groups that become Reconnect.Operator.')
param operatorIds string[] = []

@description('Object ids of further owners, such as the service principal of a pipeline. Only an owner can create an action group that posts to this app.')
param ownerIds string[] = []

@description('Addresses of the console: https://<app>/console')
param consoleUrls string[] = []

@description('Client id of the action groups of Azure Monitor. It differs in other clouds.')
param azureMonitorClient string = loadJsonContent('application.json').clients.azureMonitor

@description('Client id of Event Grid. It differs in other clouds.')
param eventGridClient string = loadJsonContent('application.json').clients.eventGrid

// The texts, and the order of the roles, are shared with register.ts.
// ActionGroupsSecureWebhook must be the first: Azure's own script for secure webhooks always assigns the first role.
var definition = loadJsonContent('application.json')
var uniqueName = 'apim-reconnect-${environmentName}'
var identifierUri = 'api://${tenant().tenantId}/${uniqueName}'
var scopeId = guid(tenant().tenantId, uniqueName, 'scope', definition.scope.value)
var roleIds = {
  azureMonitor: guid(tenant().tenantId, uniqueName, 'role', 'ActionGroupsSecureWebhook')
  operator: guid(tenant().tenantId, uniqueName, 'role', 'Reconnect.Operator')
  eventGrid: guid(tenant().tenantId, uniqueName, 'role', 'AzureEventGridSecureWebhookSubscriber')
}

resource monitor 'Microsoft.Graph/servicePrincipals@v1.0' = if (azureMonitor) {
  appId: azureMonitorClient
}

resource events 'Microsoft.Graph/servicePrincipals@v1.0' = if (eventGrid) {
  appId: eventGridClient
}

resource application 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: uniqueName
  displayName: 'APIM Reconnect (${environmentName})'
  signInAudience: 'AzureADMyOrg'
  // register.ts adds api://<client id>, which a template cannot name: ask for tokens by <client id>/.default.
  identifierUris: [identifierUri]
  owners: {
    relationshipSemantics: 'append'
    relationships: union([deployer().objectId], ownerIds, azureMonitor ? [monitor!.id] : [])
  }
  spa: { redirectUris: consoleUrls }
  api: {
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [union(definition.scope, { id: scopeId })]
    // Without it, `az account get-access-token` for this app fails, because consent is missing.
    preAuthorizedApplications: [
      {
        appId: definition.clients.azureCli
        delegatedPermissionIds: [scopeId]
      }
    ]
  }
  appRoles: map(definition.roles, role => union(role, { id: guid(tenant().tenantId, uniqueName, 'role', role.value) }))
}

resource principal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: application.appId
}

resource monitorRole 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (azureMonitor) {
  resourceId: principal.id
  principalId: monitor!.id
  appRoleId: roleIds.azureMonitor
}

resource eventsRole 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (eventGrid) {
  resourceId: principal.id
  principalId: events!.id
  appRoleId: roleIds.eventGrid
}

// Event Grid lets only an owner of the app, or a principal with its role, subscribe it.
resource subscriberRole 'Microsoft.Graph/appRoleAssignedTo@v1.0' = if (eventGrid) {
  resourceId: principal.id
  principalId: deployer().objectId
  appRoleId: roleIds.eventGrid
}

resource operatorRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for id in operatorIds: {
    resourceId: principal.id
    principalId: id
    appRoleId: roleIds.operator
  }
]

output ENTRA_CLIENT_ID string = application.appId
output ENTRA_OBJECT_ID string = application.id
output ENTRA_IDENTIFIER_URI string = identifierUri
