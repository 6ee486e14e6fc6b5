metadata description = 'Lets one identity ask one API Management service to reconnect to a backend, and nothing else. A team that owns the service can deploy it alone.'

@description('Name of an existing API Management service in this resource group.')
param apimName string

@description('Object id of the managed identity of the function app.')
param principalId string

@description('GUID of an existing role definition that may be assigned here. Empty: the role is created in this resource group.')
param existingRoleGuid string = ''

resource apim 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: apimName
}

// The name depends on the resource group alone: two environments that reconnect the same service share one definition.
resource definition 'Microsoft.Authorization/roleDefinitions@2022-04-01' = if (empty(existingRoleGuid)) {
  name: guid(resourceGroup().id, 'apim-backend-reconnect')
  properties: {
    // Role names are unique in the tenant.
    roleName: 'API Management Backend Reconnect (${uniqueString(resourceGroup().id)})'
    description: 'Can ask API Management to reconnect to a backend, and nothing else.'
    type: 'CustomRole'
    assignableScopes: [resourceGroup().id]
    permissions: [
      {
        actions: ['Microsoft.ApiManagement/service/backends/reconnect/action']
        notActions: []
        dataActions: []
        notDataActions: []
      }
    ]
  }
}

var roleGuid = empty(existingRoleGuid) ? guid(resourceGroup().id, 'apim-backend-reconnect') : existingRoleGuid
var roleDefinitionId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleGuid)

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  // The principal is part of the name: an assignment cannot be changed to another principal.
  name: guid(apim.id, principalId, roleDefinitionId)
  scope: apim
  properties: {
    roleDefinitionId: roleDefinitionId
    principalId: principalId
    principalType: 'ServicePrincipal'
    description: 'APIM Reconnect forwards reconnects with this identity.'
  }
  dependsOn: [definition]
}
