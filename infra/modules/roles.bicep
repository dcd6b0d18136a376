// Every right that anybody gets in Azure, in one file. None of them lets the relay send mail: that is Exchange's to give.
@description('Object id of the relay\'s identity.')
param principalId string

@description('Object id of the group that may read state records. Empty: nobody.')
param operatorGroupId string

param hostAccountName string
param mailAccountName string
param componentName string

@description('Empty: there is no vault.')
param vaultName string

var roleIds = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  secretsUser: '4633458b-17de-408a-b874-0445c86b69e6'
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = { name: hostAccountName }
resource mailAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = { name: mailAccountName }
resource component 'Microsoft.Insights/components@2020-02-02' existing = { name: componentName }
resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = if (!empty(vaultName)) { name: vaultName }
resource states 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  name: '${mailAccountName}/default/state'
}

// The host keeps timer locks and keys as blobs with leases, and fetches the deployment package: documented as needing
// Owner of the data. The account holds nothing else.
resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: hostAccount
  name: guid(hostAccount.id, principalId, roleIds.blobDataOwner)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobDataOwner)
  }
}

// Writes, reads and deletes bodies and state records. Contributor, not Owner: it never changes owners or access lists.
resource mailBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: mailAccount
  name: guid(mailAccount.id, principalId, roleIds.blobDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobDataContributor)
  }
}

// Sends wake-ups, takes them, moves them to the poison queues. Reader, Message Processor and Message Sender together are
// not enough: the trigger renews and returns a message by updating it, which none of the three may
// (github.com/MicrosoftDocs/azure-docs/issues/120932).
resource mailQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: mailAccount
  name: guid(mailAccount.id, principalId, roleIds.queueDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.queueDataContributor)
  }
}

// Sends telemetry; the component takes it from nobody else.
resource telemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: component
  name: guid(component.id, principalId, roleIds.metricsPublisher)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.metricsPublisher)
  }
}

// Reads the CALLERS secret.
resource callersSecret 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(vaultName)) {
  scope: vault
  name: guid(vault.id, principalId, roleIds.secretsUser)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.secretsUser)
  }
}

// Lets operators look up what became of a mail. The state records only: who sent to whom, never what.
resource operators 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(operatorGroupId)) {
  scope: states
  name: guid(states.id, operatorGroupId, roleIds.blobDataReader)
  properties: {
    principalId: operatorGroupId
    principalType: 'Group'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleIds.blobDataReader)
  }
}
