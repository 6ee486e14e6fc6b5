metadata description = 'A workbook: who reconnected what, why, how fast, and did it help.'

param location string
param tags { *: string }
param componentName string

resource component 'Microsoft.Insights/components@2020-02-02' existing = {
  name: componentName
}

var tiles = [
  {
    name: 'did-it-help'
    title: 'Did it help? Verdicts from the senders\' own later notifications; Helped is the percentage of the decided ones'
    width: '100'
    visualization: 'table'
    query: loadTextContent('../queries/did-it-help.kql')
  }
  {
    name: 'verdicts'
    title: 'Verdicts over time'
    width: '50'
    visualization: 'barchart'
    query: loadTextContent('../queries/verdicts.kql')
  }
  {
    name: 'outcomes'
    title: 'Outcomes of requests and alerts'
    width: '50'
    visualization: 'barchart'
    query: loadTextContent('../queries/outcomes.kql')
  }
  {
    name: 'who'
    title: 'Who'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/who.kql')
  }
  {
    name: 'what'
    title: 'What: backends'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/what.kql')
  }
  {
    name: 'why'
    title: 'Why: webhooks and alert rules. Many unmatched or denied alerts show a wrong configuration'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/why.kql')
  }
  {
    name: 'delivery-time'
    title: 'How fast: from the alert to the acceptance by ARM, in seconds'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/delivery-time.kql')
  }
  {
    name: 'latency'
    title: 'How fast: requests, in milliseconds'
    width: '50'
    visualization: 'linechart'
    query: loadTextContent('../queries/latency.kql')
  }
  {
    name: 'faults'
    title: 'What went wrong, and whose fault it is'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/faults.kql')
  }
  {
    name: 'refused'
    title: 'Refused'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/refused.kql')
  }
  {
    name: 'pauses'
    title: 'Pauses'
    width: '50'
    visualization: 'table'
    query: loadTextContent('../queries/pauses.kql')
  }
  {
    name: 'operation'
    title: 'Every decision, by operation'
    width: '100'
    visualization: 'table'
    query: loadTextContent('../queries/operation.kql')
  }
]

var parameters = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    queryType: 0
    resourceType: 'microsoft.insights/components'
    parameters: [
      {
        id: '6f1f3a0e-7d0f-4f0e-9a51-0d6c6a3f2b11'
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 86400000 }
        typeSettings: {
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 14400000 }
            { durationMs: 86400000 }
            { durationMs: 259200000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
          ]
          allowCustom: true
        }
      }
    ]
  }
}

var queries = [
  for tile in tiles: {
    type: 3
    name: tile.name
    customWidth: tile.width
    content: {
      version: 'KqlItem/1.0'
      query: tile.query
      size: 0
      title: tile.title
      timeContextFromParameter: 'TimeRange'
      queryType: 0
      resourceType: 'microsoft.insights/components'
      crossComponentResources: [component.id]
      visualization: tile.visualization
      gridSettings: { filter: true, rowLimit: 1000 }
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'apim-reconnect-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'APIM Reconnect: who reconnected what, why, and did it help'
    category: 'workbook'
    sourceId: component.id
    version: 'Notebook/1.0'
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([parameters], queries)
      fallbackResourceIds: [component.id]
      '$schema': 'https://github.com/Microsoft/Application-Insights-Workbooks/blob/master/schema/workbook.json'
    })
  }
}
