// From nothing to a relay: a resource group with the identity that sends, two storage accounts, the function app, and what
// an administrator looks at. The one thing that no template can do is the permission to send: see graphPermission/.
targetScope = 'subscription'

@description('Name of the azd environment; it names the resource group and goes into every resource name.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of everything. It must offer Flex Consumption.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Name of the resource group, made if it is not there.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-${environmentName}'

// ---- Who may submit mail, and how it is sent -----------------------------------------------------------------------

@description('Who may submit mail and what they may send (setting CALLERS): hashes of keys, never keys. Empty: nobody.')
@secure()
param callers object = {}

@description('Keep CALLERS in a Key Vault and let the app read it by reference.')
param keepCallersInVault bool = false

@description('Tenant whose applications may call with an access token. Empty: keys only.')
param entraTenantId string = ''

@description('What such tokens are for, separated by commas: client id and, for v1 tokens, URI of the app registration.')
param entraAudience string = ''

@description('Root of the sign-in service; another one in a national cloud. Empty: that of the public cloud.')
param entraAuthority string = ''

@description('Which mailbox sends for which sender (setting SENDER_RULES).')
param senderRules array = []

@description('Sends what names no usable sender. Empty: such mail is refused.')
param defaultSender string = ''

@description('Sends where the chosen mailbox does not exist or may not; the old From becomes Reply-To. Empty: the mail fails.')
param fallbackMailbox string = ''

@description('Gets the reports of failed mail that cannot go to a sender.')
param postmaster string = ''

@description('Pilot mode: every mail goes to this address instead of its recipients. Empty: to its recipients.')
param redirectAllTo string = ''

@description('Nobody knows whether Graph sent a mail: resend (at least once), hold (at most once), or check the mailbox first, which needs Mail.ReadWrite.')
@allowed(['resend', 'hold', 'check'])
param ambiguousSend string = 'resend'

@description('Send mail above 3 MB by way of a draft. The identity then needs the permission to write mail: -LargeMail.')
@allowed(['on', 'off'])
param largeMail string = 'off'

@description('Large mail that a draft would damage goes as an attachment of a short note, or fails.')
@allowed(['attach', 'fail'])
param unrewritable string = 'attach'

@description('Further hosts that upload addresses of Graph may name, separated by commas; a leading dot stands for all below.')
param graphUploadHosts string = ''

@description('Largest message, in bytes. Without largeMail it is 2,980,000 at most.')
@minValue(1000)
@maxValue(150000000)
param maxMessageBytes int = 35000000

@description('paused keeps accepting mail and stops sending it.')
@allowed(['on', 'paused'])
param delivery string = 'on'

@description('How addresses appear in telemetry.')
@allowed(['full', 'domain', 'hash'])
param addressPrivacy string = 'domain'

@description('Root of Microsoft Graph; another one in a national cloud.')
param graphBaseUrl string = 'https://graph.microsoft.com'

@description('Longest one call to Graph may take, in seconds.')
@minValue(1)
@maxValue(600)
param graphTimeoutSeconds int = 100

// ---- The function app ----------------------------------------------------------------------------------------------

@description('Most instances of each function, and what Graph\'s limit of 4 calls per mailbox is divided by.')
@minValue(1)
@maxValue(1000)
param maxInstances int = 4

@description('Memory of one instance, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Uploads one instance takes at once.')
@minValue(1)
@maxValue(1000)
param uploadsPerInstance int = 16

@description('Instances that never sleep, for accepting and for sending. 0: the first mail after a pause waits for a cold start.')
@minValue(0)
@maxValue(20)
param alwaysReadyInstances int = 0

@description('Version of Node.js.')
@allowed(['22', '24'])
param nodeVersion string = '24'

@description('Spread the app over availability zones. With always-ready instances it takes at least 2 of them.')
param zoneRedundant bool = false

@description('Copies of mail that is on its way: in three zones, or in one where the region has no zones.')
@allowed(['Standard_ZRS', 'Standard_LRS'])
param mailRedundancy string = 'Standard_ZRS'

// ---- Who reaches what ----------------------------------------------------------------------------------------------

@description('Public addresses of the sites, in CIDR notation. Given: everyone else is turned away. Empty: anyone may knock.')
param allowedAddresses string[] = []

@description('Put storage and vault behind private endpoints in a virtual network of the relay\'s own.')
param privateNetwork bool = false

@description('Address range of that network, at least a /24.')
param networkAddressPrefix string = '10.71.0.0/24'

@description('Group (object id) whose members may read the state records (messages list --all, find, show). Empty: nobody.')
param operatorGroupId string = ''

// ---- What the administrator sees -----------------------------------------------------------------------------------

@description('Who gets the alerts.')
param alertEmails string[] = []

@description('Days that telemetry is kept.')
@minValue(30)
@maxValue(730)
param telemetryDays int = 90

@description('Ask the health endpoint from five places every five minutes.')
param availabilityTest bool = false

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var hostAccountName = 'sthost${token}'
var mailAccountName = 'stmail${token}'
var appName = 'func-relay-${token}'

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: resourceGroupName
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: { name: 'id-relay-${token}', location: location, tags: tags }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: { name: 'vnet-relay-${token}', location: location, tags: tags, addressPrefix: networkAddressPrefix }
}

module hostStorage 'modules/hostStorage.bicep' = {
  scope: group
  params: { name: hostAccountName, location: location, tags: tags, publicAccess: !privateNetwork }
}

module mailStorage 'modules/mailStorage.bicep' = {
  scope: group
  params: {
    name: mailAccountName
    location: location
    tags: tags
    publicAccess: !privateNetwork
    redundancy: mailRedundancy
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: { nameSuffix: 'relay-${token}', location: location, tags: tags, telemetryDays: telemetryDays }
}

module vault 'modules/vault.bicep' = if (keepCallersInVault) {
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    publicAccess: !privateNetwork
    callers: string(callers)
  }
}

module endpoints 'modules/privateEndpoints.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network!.outputs.networkId
    subnetId: network!.outputs.endpointSubnetId
    hostAccountId: hostStorage.outputs.id
    mailAccountId: mailStorage.outputs.id
    vaultId: keepCallersInVault ? vault!.outputs.id : ''
  }
}

module roles 'modules/roles.bicep' = {
  scope: group
  params: {
    principalId: identity.outputs.principalId
    operatorGroupId: operatorGroupId
    hostAccountName: hostStorage.outputs.name
    mailAccountName: mailStorage.outputs.name
    componentName: monitoring.outputs.componentName
    vaultName: keepCallersInVault ? vault!.outputs.name : ''
  }
}

module functionApp 'modules/functionApp.bicep' = {
  scope: group
  // The app reads its storage and its vault at its first start.
  dependsOn: [roles, endpoints]
  params: {
    name: appName
    planName: 'plan-relay-${token}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageContainerUrl: hostStorage.outputs.packageContainerUrl
    hostBlobEndpoint: hostStorage.outputs.blobEndpoint
    telemetryConnectionString: monitoring.outputs.connectionString
    subnetId: privateNetwork ? network!.outputs.integrationSubnetId : ''
    allowedAddresses: allowedAddresses
    allowAvailabilityTest: availabilityTest
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maxInstances: maxInstances
    uploadsPerInstance: uploadsPerInstance
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    relaySettings: {
      MailStorage__blobServiceUri: mailStorage.outputs.blobEndpoint
      MailStorage__queueServiceUri: mailStorage.outputs.queueEndpoint
      MailStorage__credential: 'managedidentity'
      MailStorage__clientId: identity.outputs.clientId
      GRAPH_BASE_URL: graphBaseUrl
      GRAPH_SCOPE: '${graphBaseUrl}/.default'
      GRAPH_CREDENTIAL: 'managedIdentity'
      GRAPH_CLIENT_ID: identity.outputs.clientId
      GRAPH_TIMEOUT_SECONDS: string(graphTimeoutSeconds)
      CALLERS: keepCallersInVault ? vault!.outputs.callersReference : string(callers)
      ENTRA_TENANT_ID: entraTenantId
      ENTRA_AUDIENCE: entraAudience
      ENTRA_AUTHORITY: entraAuthority
      SENDER_RULES: string(senderRules)
      DEFAULT_SENDER: defaultSender
      FALLBACK_MAILBOX: fallbackMailbox
      POSTMASTER: postmaster
      REDIRECT_ALL_TO: redirectAllTo
      AMBIGUOUS_SEND: ambiguousSend
      LARGE_MAIL: largeMail
      UNREWRITABLE: unrewritable
      GRAPH_UPLOAD_HOSTS: graphUploadHosts
      MAX_MESSAGE_BYTES: string(maxMessageBytes)
      MAX_INSTANCES: string(maxInstances)
      DELIVERY: delivery
      ADDRESS_PRIVACY: addressPrivacy
    }
  }
}

module workbook 'workbook/workbook.bicep' = {
  scope: group
  params: { location: location, tags: tags, workspaceId: monitoring.outputs.workspaceId }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: tags
    workspaceId: monitoring.outputs.workspaceId
    emails: alertEmails
  }
}

module availability 'modules/availabilityTest.bicep' = if (availabilityTest) {
  scope: group
  params: {
    location: location
    tags: tags
    componentId: monitoring.outputs.componentId
    url: '${functionApp.outputs.url}/api/health'
    actionGroupId: alerts.outputs.actionGroupId
  }
}

@description('What edges and applications post to.')
output RELAY_URL string = functionApp.outputs.url

@description('Object id of the identity: what the permission to send is given to.')
output RELAY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Application (client) id of the identity.')
output RELAY_CLIENT_ID string = identity.outputs.clientId

@description('Name of the identity, as Entra and Exchange show it.')
output RELAY_IDENTITY_NAME string = identity.outputs.name

@description('Storage account of the mail, for the messages command.')
output RELAY_MAIL_ACCOUNT string = mailStorage.outputs.name

@description('Function app, for the deployment.')
output AZURE_FUNCTION_NAME string = functionApp.outputs.name

@description('Resource group of everything.')
output AZURE_RESOURCE_GROUP string = group.name
