metadata description = 'Two log alerts on failing connections of API Management to a backend, one alert per backend, and the action groups that post them to APIM Reconnect. The services must send GatewayLogs to the workspace in resource-specific mode.'

param location string
param tags { *: string } = {}

@description('Resource id of the workspace that holds the table ApiManagementGatewayLogs.')
param workspaceId string

@description('https://<app>/alerts/azure-monitor. The second rule posts to https://<app>/alerts/azure-monitor-repeat. The policy needs both webhooks.')
param webhookUrl string

@description('Object id (not client id) of the app registration that stands for APIM Reconnect. Its owners must include the principal that deploys this.')
param entraObjectId string
param entraIdentifierUri string

@description('Failed connections of one backend within five minutes above which the alert fires.')
param threshold int = 5

var receiver = {
  useCommonAlertSchema: true
  useAadAuth: true
  objectId: entraObjectId
  identifierUri: entraIdentifierUri
  tenantId: tenant().tenantId
}

var failures = {
  query: loadTextContent('../queries/failed-connections.kql')
  timeAggregation: 'Total'
  metricMeasureColumn: 'Failures'
  operator: 'GreaterThan'
  threshold: threshold
  dimensions: [
    { name: '_ResourceId', operator: 'Include', values: ['*'] }
    { name: 'BackendId', operator: 'Include', values: ['*'] }
  ]
}

resource toReconnect 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-apim-reconnect'
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'reconnect'
    enabled: true
    webhookReceivers: [union({ name: 'apim-reconnect', serviceUri: webhookUrl }, receiver)]
  }
}

resource toReconnectAgain 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-apim-reconnect-repeat'
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'reconnect2'
    enabled: true
    webhookReceivers: [union({ name: 'apim-reconnect', serviceUri: '${webhookUrl}-repeat' }, receiver)]
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
      allOf: [union(failures, { failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 } })]
    }
    actions: { actionGroups: [toReconnect.id] }
  }
}

// The rule above fires once, and not again while a backend stays broken. This one fires every 15 minutes then, which tells APIM Reconnect that the
// last reconnect did not help and asks for the next one, until limits.notHelping ends that. It never sends Resolved: "effect": {"confirms": false}.
resource repetition 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'apim-backend-connection-failures-repeat'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'apim-backend-connection-failures-repeat'
    description: 'Connections of API Management to a backend still fail.'
    severity: 1
    enabled: true
    scopes: [workspaceId]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    autoMitigate: false
    muteActionsDuration: 'PT15M'
    skipQueryValidation: true
    criteria: {
      allOf: [union(failures, { failingPeriods: { numberOfEvaluationPeriods: 3, minFailingPeriodsToAlert: 3 } })]
    }
    actions: { actionGroups: [toReconnectAgain.id] }
  }
}
