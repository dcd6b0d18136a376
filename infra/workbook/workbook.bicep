// The workbook: one page for each question that an administrator asks. Its queries are files of their own, so that they
// can be checked and run without it.
param location string
param tags object
param workspaceId string

func query(title string, text string, view string, emptyText string) object => {
  type: 3
  content: {
    version: 'KqlItem/1.0'
    title: title
    query: text
    noDataMessage: emptyText
    noDataMessageStyle: 3
    showExportToExcel: true
    timeContextFromParameter: 'TimeRange'
    queryType: 0
    resourceType: 'microsoft.operationalinsights/workspaces'
    visualization: view
    tileSettings: view == 'tiles'
      ? {
          titleContent: { columnMatch: 'What', formatter: 1 }
          leftContent: { columnMatch: 'Mails', formatter: 12, formatOptions: { palette: 'auto' } }
          showBorder: true
        }
      : null
    gridSettings: view == 'table' ? { filter: true, rowLimit: 1000 } : null
  }
}

func page(name string, items array) object => {
  type: 12
  content: { version: 'NotebookGroup/1.0', groupType: 'editable', items: items }
  conditionalVisibility: { parameterName: 'page', comparison: 'isEqualTo', value: name }
  name: name
}

func text(markdown string) object => { type: 1, content: { json: markdown } }

func tab(id string, label string) object => {
  id: id
  cellValue: 'page'
  linkTarget: 'parameter'
  linkLabel: label
  subTarget: label
  style: 'link'
}

var pages = ['Overview', 'One mail', 'Devices', 'Edges', 'Failures', 'Throttling', 'Cost']

var parameters = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        id: '6f9f7e0c-5d0f-4b7a-9b5e-3f0f9a1f7c01'
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time'
        type: 4
        isRequired: true
        value: { durationMs: 86400000 }
        typeSettings: {
          allowCustom: true
          selectableValues: [
            { durationMs: 3600000 }
            { durationMs: 14400000 }
            { durationMs: 86400000 }
            { durationMs: 604800000 }
            { durationMs: 2592000000 }
          ]
        }
      }
    ]
  }
}

var tabs = {
  type: 11
  name: 'tabs'
  content: {
    version: 'LinkItem/1.0'
    style: 'tabs'
    links: map(pages, label => tab(guid('relay-workbook', label), label))
  }
}

var search = {
  type: 9
  name: 'search'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'formHorizontal'
    parameters: [
      {
        id: '6f9f7e0c-5d0f-4b7a-9b5e-3f0f9a1f7e01'
        version: 'KqlParameterItem/1.0'
        name: 'Search'
        label: 'Id, Message-ID, device address or recipient domain'
        type: 1
        value: ''
      }
    ]
  }
}

var nothing = 'Nothing in the time shown.'

var overview = page('Overview', [
  text('**Sent** means that Exchange accepted the mail. A bounce that comes later goes to the Inbox of the mailbox that sent it.')
  query('Mails', loadTextContent('../queries/workbook/overview.kql'), 'tiles', nothing)
  query('Over time', loadTextContent('../queries/workbook/volume.kql'), 'timechart', nothing)
  query('Waiting in the cloud', loadTextContent('../queries/workbook/waiting.kql'), 'timechart', nothing)
  query('Where the time goes (milliseconds)', loadTextContent('../queries/workbook/latency.kql'), 'table', nothing)
  query('What should not happen', loadTextContent('../queries/workbook/trouble.kql'), 'table', 'Nothing. Good.')
])

var oneMail = page('One mail', [
  search
  query(
    'What happened',
    loadTextContent('../queries/workbook/story.kql'),
    'table',
    'No such mail in the time shown. The state records go back 35 days: npm run messages -- list.'
  )
  query('Calls behind it (search by id)', loadTextContent('../queries/workbook/trace.kql'), 'table', 'Nothing was recorded.')
])

var devices = page('Devices', [
  query('As the edges report them', loadTextContent('../queries/workbook/devices.kql'), 'table', 'No edge has reported a device.')
  query('What their mail became', loadTextContent('../queries/workbook/deviceMail.kql'), 'table', nothing)
])

var edges = page('Edges', [
  query('Edges', loadTextContent('../queries/workbook/edges.kql'), 'table', 'No edge has reported.')
  query('Waiting in their spools', loadTextContent('../queries/workbook/spool.kql'), 'timechart', 'No edge has reported.')
  query('Doubtful reports', loadTextContent('../queries/workbook/rejected.kql'), 'table', 'None.')
])

var failures = page('Failures', [
  query('By reason', loadTextContent('../queries/workbook/failures.kql'), 'table', 'No mail failed, was held or was put off.')
])

var throttling = page('Throttling', [
  text('Graph allows 4 calls at once, 10,000 in 10 minutes and 150 MB in 5 minutes for each mailbox, and Exchange 10,000 recipients a day.')
  query('By mailbox', loadTextContent('../queries/workbook/throttling.kql'), 'table', nothing)
])

var cost = page('Cost', [
  text('What the relay used, per 1,000 mails. Prices and the arithmetic are in docs/cost.md.')
  query('Executions and seconds', loadTextContent('../queries/workbook/usage.kql'), 'table', nothing)
  query('Telemetry', loadTextContent('../queries/workbook/telemetry.kql'), 'table', nothing)
])

var content = {
  version: 'Notebook/1.0'
  items: [parameters, tabs, overview, oneMail, devices, edges, failures, throttling, cost]
  fallbackResourceIds: [workspaceId]
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'relay-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: 'Mail relay'
    sourceId: workspaceId
    serializedData: string(content)
  }
}
