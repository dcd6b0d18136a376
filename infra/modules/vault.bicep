// Optional: CALLERS in a Key Vault, written anew at every provisioning. The app reads a new version within a day, or at once
// when it is restarted.
param name string
param location string
param tags object

@description('false: only private endpoints reach the vault.')
param publicAccess bool

@description('The CALLERS setting as JSON text.')
@secure()
param callers string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    networkAcls: { defaultAction: publicAccess ? 'Allow' : 'Deny', bypass: 'None' }
  }

  resource secret 'secrets' = {
    name: 'callers'
    properties: { value: callers, contentType: 'application/json' }
  }
}

output id string = vault.id
output name string = vault.name
@description('Setting value by which the app reads the secret\'s newest version. It holds no secret itself.')
output callersReference string = '@Microsoft.KeyVault(VaultName=${vault.name};SecretName=callers)'
