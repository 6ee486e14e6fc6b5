metadata description = 'Posts the circuit breaker events of one API Management service to APIM Reconnect. Deploy it into the resource group of the service, and after the code: Event Grid requests the address at once.'

@description('Name of an existing API Management service in this resource group.')
param apimName string

@description('https://<app>/alerts/event-grid. With a secret in the address instead of Entra: https://<app>/alerts/event-grid?<parameter>=<secret>.')
@secure()
param webhookUrl string

@description('Client id or identifier URI of the app registration that stands for APIM Reconnect. Empty: the address holds a secret.')
param entraApplicationIdOrUri string = ''

@description('Region of the API Management service: a system topic is in the region of its source.')
param location string

@description('Name of the system topic. A service has at most one: name it where it exists already.')
param topicName string = 'evgt-${apimName}'

@description('Name of the event subscription.')
param subscriptionName string = 'apim-reconnect'

param tenantId string = tenant().tenantId

resource apim 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: apimName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: topicName
  location: location
  properties: {
    source: apim.id
    topicType: 'Microsoft.ApiManagement.Service'
  }

  resource subscription 'eventSubscriptions' = {
    name: subscriptionName
    properties: {
      eventDeliverySchema: 'CloudEventSchemaV1_0'
      destination: {
        endpointType: 'WebHook'
        properties: {
          endpointUrl: webhookUrl
          maxEventsPerBatch: 1
          azureActiveDirectoryTenantId: empty(entraApplicationIdOrUri) ? null : tenantId
          azureActiveDirectoryApplicationIdOrUri: empty(entraApplicationIdOrUri) ? null : entraApplicationIdOrUri
          minimumTlsVersionAllowed: '1.2'
        }
      }
      filter: {
        // Opened asks for a reconnect. Closed tells whether it helped.
        includedEventTypes: [
          'Microsoft.ApiManagement.CircuitBreaker.Opened'
          'Microsoft.ApiManagement.CircuitBreaker.Closed'
        ]
      }
      retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 60 }
    }
  }
}
