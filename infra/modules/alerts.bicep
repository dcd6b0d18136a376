// The alerts: each is a query that returns a row when something is wrong, and what to do is in docs/azure-alerts.md under
// the alert's name.
param location string
param tags object
param workspaceId string
param emails string[]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-relay'
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'mail relay'
    enabled: true
    emailReceivers: [
      for (email, index) in emails: {
        name: 'email-${index + 1}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

// `every` is how often the query runs, `over` the time it sees. Severity 1: mail stands still. 2: mail is or will be lost
// or late for somebody. 3: it will become one of these.
var alerts = [
  {
    name: 'relay-silent'
    severity: 1
    every: 'PT5M'
    over: 'PT1H'
    says: 'The function app has not measured its queue for 20 minutes: it is down.'
    query: loadTextContent('../queries/alerts/relaySilent.kql')
  }
  {
    name: 'nothing-sent'
    severity: 1
    every: 'PT5M'
    over: 'PT15M'
    says: 'Mail waits, and none was sent for 15 minutes.'
    query: loadTextContent('../queries/alerts/nothingSent.kql')
  }
  {
    name: 'no-permission'
    severity: 1
    every: 'PT5M'
    over: 'PT15M'
    says: 'Graph does not let the relay send from a mailbox (401 or 403).'
    query: loadTextContent('../queries/alerts/permission.kql')
  }
  {
    name: 'edge-silent'
    severity: 1
    every: 'PT5M'
    over: 'P2D'
    says: 'An edge has not reported for 15 minutes.'
    query: loadTextContent('../queries/alerts/edgeSilent.kql')
  }
  {
    name: 'oldest-waiting'
    severity: 2
    every: 'PT5M'
    over: 'PT15M'
    says: 'A mail has waited in the cloud for more than 15 minutes.'
    query: loadTextContent('../queries/alerts/oldestWaiting.kql')
  }
  {
    name: 'failure-ratio'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    says: 'More than one mail in ten failed.'
    query: loadTextContent('../queries/alerts/failureRatio.kql')
  }
  {
    name: 'poison'
    severity: 2
    every: 'PT15M'
    over: 'PT15M'
    says: 'Delivering a mail crashed again and again.'
    query: loadTextContent('../queries/alerts/poison.kql')
  }
  {
    name: 'held'
    severity: 2
    every: 'PT15M'
    over: 'PT15M'
    says: 'A mail is held: nobody knows whether it was sent.'
    query: loadTextContent('../queries/alerts/held.kql')
  }
  {
    name: 'mailbox-full'
    severity: 2
    every: 'PT15M'
    over: 'PT1H'
    says: 'A sending mailbox is full.'
    query: loadTextContent('../queries/alerts/mailboxFull.kql')
  }
  {
    name: 'edge-spool-growing'
    severity: 2
    every: 'PT15M'
    over: 'PT30M'
    says: 'An edge takes in mail and cannot pass it on.'
    query: loadTextContent('../queries/alerts/edgeSpoolGrowing.kql')
  }
  {
    name: 'recipient-limit'
    severity: 3
    every: 'PT1H'
    over: 'P1D'
    says: 'A mailbox is near the 10,000 recipients that Exchange allows in 24 hours.'
    query: loadTextContent('../queries/alerts/recipientLimit.kql')
  }
  {
    name: 'certificate-expiring'
    severity: 3
    every: 'P1D'
    over: 'P1D'
    says: 'The certificate of an edge ends within 21 days.'
    query: loadTextContent('../queries/alerts/certificateExpiring.kql')
  }
]

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: alert.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Mail relay: ${alert.name}'
      description: alert.says
      severity: alert.severity
      enabled: true
      scopes: [workspaceId]
      evaluationFrequency: alert.every
      windowSize: alert.over
      // Telemetry tables come into being with the first event, after the first deployment.
      skipQueryValidation: true
      autoMitigate: alert.every != 'P1D'
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(emails) ? [] : [people.id] }
    }
  }
]

@description('Empty: there is nobody to tell.')
output actionGroupId string = empty(emails) ? '' : people.id
