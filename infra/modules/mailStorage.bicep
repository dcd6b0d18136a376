// The storage account of the mail: bodies and state records as blobs, wake-ups as queue messages. Nothing else lives
// here, so that its rules and its readers are the mail's alone.
param name string
param location string
param tags object

@description('false: only private endpoints reach the account.')
param publicAccess bool

@description('Standard_ZRS keeps three copies in three zones; Standard_LRS where the region has none.')
param redundancy string

// Names as the code has them (functions/storage); a check compares the two.
var mailContainer = 'mail'
var stateContainer = 'state'
var deliveryQueues = ['deliveries', 'deliveries-waiting', 'deliveries-large']

// A body is written once, when the mail is accepted, and deleted when it is sent: what is left is failed or held mail, and
// its age counts from acceptance. The relay tries for 3 days before it gives up; a person then has 30 days.
var retryDays = 3
var bodyDays = 30
// A state record is rewritten at every step: its age counts from the last one, and it always outlives its body. It must
// also outlive the 28 days within which an edge may post a mail again.
var receiptDays = 35

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: redundancy }
  properties: {
    accessTier: 'Hot'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: { defaultAction: publicAccess ? 'Allow' : 'Deny', bypass: 'None' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      // Deleted is deleted: a mail that was sent must leave no copy behind, and every rewrite of a state would be kept.
      deleteRetentionPolicy: { enabled: false }
      containerDeleteRetentionPolicy: { enabled: false }
      isVersioningEnabled: false
      changeFeed: { enabled: false }
    }

    resource containers 'containers' = [
      for container in [mailContainer, stateContainer]: {
        name: container
        properties: { publicAccess: 'None' }
      }
    ]
  }

  resource queues 'queueServices' = {
    name: 'default'

    resource deliveries 'queues' = [for queue in deliveryQueues: { name: queue }]
    resource poison 'queues' = [for queue in deliveryQueues: { name: '${queue}-poison' }]
  }

  resource lifecycle 'managementPolicies' = {
    name: 'default'
    dependsOn: [blobs]
    properties: {
      policy: {
        rules: [
          {
            name: 'unsent-bodies'
            type: 'Lifecycle'
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['${mailContainer}/'] }
              actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: retryDays + bodyDays } } }
            }
          }
          {
            name: 'receipts'
            type: 'Lifecycle'
            definition: {
              filters: { blobTypes: ['blockBlob'], prefixMatch: ['${stateContainer}/'] }
              actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: receiptDays } } }
            }
          }
        ]
      }
    }
  }
}

output id string = account.id
output name string = account.name
output blobEndpoint string = account.properties.primaryEndpoints.blob
output queueEndpoint string = account.properties.primaryEndpoints.queue
