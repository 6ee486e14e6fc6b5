metadata description = 'Tells the operators when APIM Reconnect itself is in trouble. Every error in its log is selected by exactly one of these rules.'

param location string
param tags { *: string }
param componentName string
param emails string[]
param existingActionGroupId string

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

// Not the action group that posts to this app: its trouble must reach people by another way.
resource operators 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-apim-reconnect-operators'
  location: 'Global'
  tags: tags
  properties: {
    groupShortName: 'reconnectops'
    enabled: true
    emailReceivers: [
      for (mail, i) in emails: {
        name: 'operator-${i}'
        emailAddress: mail
        useCommonAlertSchema: true
      }
    ]
  }
}

var actionGroupIds = concat(
  empty(emails) ? [] : [resourceId('Microsoft.Insights/actionGroups', 'ag-apim-reconnect-operators')],
  empty(existingActionGroupId) ? [] : [existingActionGroupId]
)
var rules = [
  {
    name: 'reconnect-own-identity-refused'
    description: 'ARM refuses the managed identity of APIM Reconnect: assign it the reconnect role on the service that Backend names.'
    severity: 1
    query: loadTextContent('../queries/alert-own-identity-refused.kql')
  }
  {
    name: 'reconnect-exhausted'
    description: 'Alerts caused as many reconnects of a backend as they may, or the reconnects do not help. Investigate the backend.'
    severity: 1
    query: loadTextContent('../queries/alert-exhausted.kql')
  }
  {
    name: 'reconnect-abandoned'
    description: 'An accepted alert could not be delivered to ARM in time. Reconnect the backend by hand.'
    severity: 1
    query: loadTextContent('../queries/alert-abandoned.kql')
  }
  {
    name: 'reconnect-not-recovered'
    description: 'A backend did not recover after its reconnect. Investigate the backend.'
    severity: 2
    query: loadTextContent('../queries/alert-not-recovered.kql')
  }
  {
    name: 'reconnect-own-fault'
    description: 'APIM Reconnect has a fault of its own, such as an invalid configuration or a defect: Reason says which.'
    severity: 2
    query: loadTextContent('../queries/alert-own-fault.kql')
  }
]

resource rule 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for item in rules: {
    name: item.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: item.name
      description: item.description
      severity: item.severity
      enabled: true
      scopes: [component.id]
      evaluationFrequency: 'PT5M'
      // Longer than the frequency: telemetry arrives minutes late.
      windowSize: 'PT15M'
      autoMitigate: true
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: item.query
            timeAggregation: 'Total'
            metricMeasureColumn: 'Events'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              { name: 'Backend', operator: 'Include', values: ['*'] }
              { name: 'Reason', operator: 'Include', values: ['*'] }
            ]
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: actionGroupIds }
    }
    dependsOn: [operators]
  }
]

output actionGroupIds string[] = actionGroupIds
