// The function app on Flex Consumption, with every setting it gets. All connections are by identity: there is no key to
// leak and none to rotate.
param name string
param planName string
param location string
param tags object
param identityId string
param identityClientId string
param packageContainerUrl string
param hostBlobEndpoint string
param telemetryConnectionString string

@description('Empty: no virtual network.')
param subnetId string

param allowedAddresses string[]
param allowAvailabilityTest bool
param nodeVersion string
param instanceMemoryMB int
param maxInstances int
param uploadsPerInstance int
param alwaysReadyInstances int
param zoneRedundant bool

@description('What functions/wiring/settings.ts reads; empty values are left out.')
@secure()
param relaySettings object

// What the host and the platform read.
var hostSettings = {
  AzureWebJobsStorage__blobServiceUri: hostBlobEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // The host refuses larger requests on its own. One request carries at most 90 MB, but a refusal must be the relay's.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '157286400'
  APPLICATIONINSIGHTS_CONNECTION_STRING: telemetryConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'Authorization=AAD;ClientId=${identityClientId}'
}

// Each of these is scaled on its own: accepting (all HTTP functions are one group) and the first attempt to send.
var alwaysReadyGroups = alwaysReadyInstances > 0 ? ['http', 'function:deliverMessage'] : []

// Azure's own prober comes from a service tag, not from the sites.
var siteRules = [
  for (address, index) in allowedAddresses: {
    name: 'site-${index + 1}'
    action: 'Allow'
    priority: 100 + index
    ipAddress: address
  }
]
var proberRule = {
  name: 'availability-test'
  action: 'Allow'
  priority: 900
  tag: 'ServiceTag'
  ipAddress: 'ApplicationInsightsAvailability'
}
var restricted = !empty(allowedAddresses)

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true, zoneRedundant: zoneRedundant }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'relay' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: restricted ? 'Deny' : 'Allow'
      ipSecurityRestrictions: restricted ? (allowAvailabilityTest ? concat(siteRules, [proberRule]) : siteRules) : []
      // Deployment goes by Entra token, from wherever the administrator sits.
      scmIpSecurityRestrictionsUseMain: false
      appSettings: [
        for setting in filter(items(union(hostSettings, relaySettings)), setting => !empty(setting.value)): {
          name: setting.key
          value: setting.value
        }
      ]
    }
    functionAppConfig: {
      runtime: { name: 'node', version: nodeVersion }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUrl
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      scaleAndConcurrency: {
        // Per group: `http` and every queue function scale alone. The relay divides Graph's limit by the same number.
        maximumInstanceCount: maxInstances
        instanceMemoryMB: instanceMemoryMB
        alwaysReady: [for group in alwaysReadyGroups: { name: group, instanceCount: alwaysReadyInstances }]
        triggers: { http: { perInstanceConcurrency: uploadsPerInstance } }
      }
    }
  }
}

// Publishing by user name and password is off; azd and the Functions tools use Entra tokens.
resource noPasswordScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

resource noPasswordFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
