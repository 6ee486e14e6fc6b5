param workspaceName string

@description('Empty: a workspace is created.')
param existingWorkspaceId string
param componentName string
param location string
param tags { *: string }

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' = if (empty(existingWorkspaceId)) {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    // As long as operations are kept (docs/storage.md).
    retentionInDays: 90
    features: { disableLocalAuth: true, enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource component 'Microsoft.Insights/components@2020-02-02' = {
  name: componentName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: empty(existingWorkspaceId) ? workspace.id : existingWorkspaceId
    DisableLocalAuth: true
  }
}

output workspaceId string = empty(existingWorkspaceId) ? workspace.id : existingWorkspaceId
