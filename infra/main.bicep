metadata description = 'APIM Reconnect: function app, identity, storage, telemetry, vault, the role on API Management, and what watches it.'

targetScope = 'subscription'

@description('Name of the azd environment. Every resource name is derived from it.')
@maxLength(40)
param environmentName string

@description('Region of the function app. It must offer Flex Consumption.')
@metadata({ azd: { type: 'location' } })
param location string

// --- API Management -----------------------------------------------------------------------------------------------------

@description('Resource ids of the API Management services whose backends may be reconnected. Other resource groups and subscriptions of the tenant are allowed. Empty: assign the role yourself (modules/apim-access.bicep).')
param apimServiceIds string[] = []

@description('GUID of an existing role definition with the action Microsoft.ApiManagement/service/backends/reconnect/action. Empty: one is created in the resource group of each service.')
param reconnectRoleGuid string = ''

@description('Add a diagnostic setting to each service that sends its gateway logs to the workspace of the log alert.')
param sendGatewayLogs bool = false

// --- Identity of callers ------------------------------------------------------------------------------------------------

@description('Client id of the app registration that stands for this app.')
param entraClientId string

@description('Other audiences to accept, such as the identifier URI.')
param entraAudiences string[] = []

@description('Object id of that app registration. Needed for the log alert.')
param entraObjectId string = ''

@description('Identifier URI of that app registration. Needed for the log alert.')
param entraIdentifierUri string = ''

@description('Client id with which the console signs in. Empty: the client id above.')
param consoleClientId string = ''

// --- The app ------------------------------------------------------------------------------------------------------------

@description('dry-run decides and records everything and sends nothing: begin with it.')
@allowed(['on', 'dry-run', 'off'])
param mode string = 'dry-run'

@description('Origin under which callers reach the app, where it is not the address of the function app.')
param publicUrl string = ''

@description('Names of the app settings that hold webhook secrets, as the policy names them. Each is read from the vault, where the secret has the same name with - for _. Every secret must exist before its name is listed here.')
param webhookSecretNames string[] = []

@description('In front of the names of all tables and queues. Two apps that share a storage account need different ones.')
@maxLength(20)
param storagePrefix string = ''

@description('Major version of Node.js.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Memory of one instance: 512, 2048 or 4096.')
@minValue(512)
@maxValue(4096)
param instanceMemoryMB int = 2048

@description('Upper bound of instances.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances of the HTTP functions that are always ready. They are billed all day.')
@minValue(0)
@maxValue(20)
param alwaysReadyHttp int = 0

@description('Instances of the queue function that are always ready. They are billed all day.')
@minValue(0)
@maxValue(20)
param alwaysReadyDeliver int = 0

@description('Spread app and storage over availability zones. The region must offer them.')
param zoneRedundant bool = false

@description('Reach storage and vault through private endpoints only. Callers still reach the app over the internet.')
param privateNetwork bool = false

@description('Address space of the virtual network, with privateNetwork.')
param networkPrefix string = '10.90.0.0/24'

@description('Keep a deleted vault for its whole retention time. Its name cannot be used again until then.')
param vaultPurgeProtection bool = false

// --- Watching -----------------------------------------------------------------------------------------------------------

@description('Resource id of an existing Log Analytics workspace for the telemetry of this app. Empty: one is created.')
param workspaceId string = ''

@description('Create the log alert on failing backend connections, and the action group that posts it to this app.')
param backendAlert bool = false

@description('Resource id of the workspace that receives the gateway logs. Empty: the one that holds the telemetry of this app.')
param gatewayLogsWorkspaceId string = ''

@description('Failed connections of one backend within five minutes above which the log alert fires.')
@minValue(0)
param failureThreshold int = 5

@description('Mail addresses that are told when this app is in trouble.')
param operatorEmails string[] = []

@description('Resource id of an existing action group that is told when this app is in trouble. It must not post to this app.')
param operatorActionGroupId string = ''

@description('Request /health/ready from three regions every five minutes.')
param availabilityTest bool = false

var token = toLower(uniqueString(subscription().id, empty(environmentName) ? fail('AZURE_ENV_NAME is not set.') : environmentName, location))
var tags = { 'azd-env-name': environmentName }
var apimServices = [
  for id in apimServiceIds: {
    subscriptionId: split(id, '/')[2]
    resourceGroup: split(id, '/')[4]
    name: last(split(id, '/'))
  }
]
var names = {
  workspace: 'log-${token}'
  component: 'appi-${token}'
  network: 'vnet-${token}'
  storage: 'st${token}'
  vault: 'kv-${token}'
}
// environment() ends these addresses with a slash.
var authority = take(environment().authentication.loginEndpoint, length(environment().authentication.loginEndpoint) - 1)
var armEndpoint = take(environment().resourceManager, length(environment().resourceManager) - 1)
var privateParts = [
  { part: 'blob', zone: 'privatelink.blob.${environment().suffixes.storage}' }
  { part: 'queue', zone: 'privatelink.queue.${environment().suffixes.storage}' }
  { part: 'table', zone: 'privatelink.table.${environment().suffixes.storage}' }
  { part: 'vault', zone: 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}' }
]

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: names.workspace
    existingWorkspaceId: workspaceId
    componentName: names.component
    location: location
    tags: tags
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    networkName: names.network
    prefix: networkPrefix
    location: location
    tags: tags
  }
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    storageName: names.storage
    storagePrefix: storagePrefix
    vaultName: names.vault
    vaultPurgeProtection: vaultPurgeProtection
    componentName: names.component
    workspaceId: monitoring.outputs.workspaceId
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyDeliver: alwaysReadyDeliver
    zoneRedundant: zoneRedundant
    privateNetwork: privateNetwork
    subnetId: network.?outputs.appSubnetId ?? ''
    publicUrl: publicUrl
    webhookSecretNames: webhookSecretNames
    settings: union(
      {
        ENTRA_TENANT_ID: tenant().tenantId
        ENTRA_AUDIENCE: empty(entraClientId)
          ? fail('ENTRA_CLIENT_ID is not set. Register the application first: npm run entra:register (docs/deploy.md, step 2).')
          : join(union([entraClientId], entraAudiences), ',')
        ENTRA_AUTHORITY: authority
        ARM_ENDPOINT: armEndpoint
        RECONNECT_MODE: mode
      },
      empty(storagePrefix) ? {} : { RECONNECT_STORAGE_PREFIX: storagePrefix },
      empty(consoleClientId) ? {} : { RECONNECT_CONSOLE_CLIENT_ID: consoleClientId }
    )
  }
}

module privateEndpoints 'modules/private-endpoint.bicep' = [
  for item in privateParts: if (privateNetwork) {
    scope: group
    params: {
      location: location
      tags: tags
      networkId: network.?outputs.networkId ?? ''
      subnetId: network.?outputs.endpointSubnetId ?? ''
      targetId: item.part == 'vault' ? app.outputs.vaultId : app.outputs.storageId
      part: item.part
      zoneName: item.zone
    }
  }
]

// One after the other: two services of one resource group write the same role definition.
@batchSize(1)
module apimAccess 'modules/apim-access.bicep' = [
  for service in apimServices: {
    scope: resourceGroup(service.subscriptionId, service.resourceGroup)
    params: {
      apimName: service.name
      #disable-next-line what-if-short-circuiting // the assignment outlives azd down: its name must change with the principal
      principalId: app.outputs.principalId
      existingRoleGuid: reconnectRoleGuid
    }
  }
]

module apimLogs 'modules/apim-logs.bicep' = [
  for service in apimServices: if (sendGatewayLogs) {
    scope: resourceGroup(service.subscriptionId, service.resourceGroup)
    params: {
      apimName: service.name
      workspaceId: empty(gatewayLogsWorkspaceId) ? monitoring.outputs.workspaceId : gatewayLogsWorkspaceId
    }
  }
]

module alert 'modules/backend-alert.bicep' = if (backendAlert) {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: empty(gatewayLogsWorkspaceId) ? monitoring.outputs.workspaceId : gatewayLogsWorkspaceId
    webhookUrl: '${app.outputs.url}/alerts/azure-monitor'
    entraObjectId: empty(entraObjectId)
      ? fail('ENTRA_OBJECT_ID is not set. The log alert needs the object id of the app registration.')
      : entraObjectId
    entraIdentifierUri: empty(entraIdentifierUri)
      ? fail('ENTRA_IDENTIFIER_URI is not set. The log alert needs the identifier URI of the app registration.')
      : entraIdentifierUri
    threshold: failureThreshold
  }
}

module ownAlerts 'modules/own-alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    componentName: names.component
    emails: operatorEmails
    existingActionGroupId: operatorActionGroupId
  }
  dependsOn: [monitoring]
}

module availability 'modules/availability.bicep' = if (availabilityTest) {
  scope: group
  params: {
    location: location
    tags: tags
    componentName: names.component
    url: app.outputs.url
    actionGroupIds: ownAlerts.outputs.actionGroupIds
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    componentName: names.component
  }
  dependsOn: [monitoring]
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_API_NAME string = app.outputs.name
output RECONNECT_URL string = app.outputs.url
output RECONNECT_PRINCIPAL_ID string = app.outputs.principalId
output RECONNECT_WORKSPACE_ID string = monitoring.outputs.workspaceId
output KEY_VAULT_NAME string = names.vault
