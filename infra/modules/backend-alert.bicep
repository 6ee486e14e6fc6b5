metadata description = 'A log alert on failing connections of API Management to a backend, one alert per backend, and the action group that posts it to APIM Reconnect. The services must send GatewayLogs to the workspace in resource-specific mode.'

param location string
param tags { *: string } = {}

@description('Resource id of the workspace that holds the table ApiManagementGatewayLogs.')
param workspaceId string

@description('https://<app>/alerts/azure-monitor')
param webhookUrl string

@description('Object id (not client id) of the app registration that stands for APIM Reconnect. Its owners must include the principal that deploys this.')
param entraObjectId string
param entraIdentifierUri string

@description('Failed connections of one backend within five minutes above which the alert fires.')
param threshold int = 5

resource toReconnect 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-apim-reconnect'
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'reconnect'
    enabled: true
    webhookReceivers: [
      {
        name: 'apim-reconnect'
        serviceUri: webhookUrl
        useCommonAlertSchema: true
        useAadAuth: true
        objectId: entraObjectId
        identifierUri: entraIdentifierUri
        tenantId: tenant().tenantId
      }
    ]
  }
}

resource rule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'apim-backend-connection-failures'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'apim-backend-connection-failures'
    description: 'Connections of API Management to a backend fail.'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    // Sends Resolved, from which APIM Reconnect learns whether the reconnect helped.
    autoMitigate: true
    // The table exists only after its first row.
    skipQueryValidation: true
    criteria: {
      allOf: [
        {
          query: loadTextContent('../queries/failed-connections.kql')
          timeAggregation: 'Total'
          metricMeasureColumn: 'Failures'
          operator: 'GreaterThan'
          threshold: threshold
          dimensions: [
            { name: '_ResourceId', operator: 'Include', values: ['*'] }
            { name: 'BackendId', operator: 'Include', values: ['*'] }
          ]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [toReconnect.id] }
  }
}
