metadata description = 'Requests /health/ready from outside, and tells the operators when it does not answer 200.'

param location string
param tags { *: string }
param componentName string
param url string
param actionGroupIds string[]

@description('Ids of test locations of Application Insights.')
param fromLocations string[] = ['emea-nl-ams-azr', 'emea-gb-db3-azr', 'us-va-ash-azr']

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

resource ready 'Microsoft.Insights/webtests@2022-06-15' = {
  name: 'reconnect-ready'
  location: location
  tags: union(tags, { 'hidden-link:${component.id}': 'Resource' })
  kind: 'standard'
  properties: {
    SyntheticMonitorId: 'reconnect-ready'
    Name: 'reconnect-ready'
    Kind: 'standard'
    Enabled: true
    Frequency: 300
    Timeout: 30
    RetryEnabled: true
    Locations: [for id in fromLocations: { Id: id }]
    Request: { RequestUrl: '${url}/health/ready', HttpVerb: 'GET', ParseDependentRequests: false }
    ValidationRules: { ExpectedHttpStatusCode: 200, SSLCheck: true, SSLCertRemainingLifetimeCheck: 7 }
  }
}

resource notReady 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'reconnect-not-ready'
  location: 'global'
  tags: tags
  properties: {
    description: 'APIM Reconnect cannot serve requests: the answer of /health/ready names the failing check.'
    severity: 1
    enabled: true
    scopes: [ready.id, component.id]
    evaluationFrequency: 'PT1M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria'
      webTestId: ready.id
      componentId: component.id
      failedLocationCount: 2
    }
    #disable-next-line use-resource-id-functions // they are parameters, each the id of an action group
    actions: map(actionGroupIds, id => { actionGroupId: id })
  }
}
