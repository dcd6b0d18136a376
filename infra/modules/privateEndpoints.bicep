// Optional: private endpoints of both storage accounts and the vault, and the DNS zones by which the app finds them.
param location string
param tags object
param networkId string
param subnetId string
param hostAccountId string
param mailAccountId string

@description('Empty: there is no vault.')
param vaultId string

var blobZone = 'privatelink.blob.${environment().suffixes.storage}'
var queueZone = 'privatelink.queue.${environment().suffixes.storage}'
// The public suffix begins with a dot and names another host than the private zone (`vaultcore`).
var vaultZone = 'privatelink${replace(environment().suffixes.keyvaultDns, '.vault.', '.vaultcore.')}'

var storageTargets = [
  { name: 'host-blob', service: 'blob', resourceId: hostAccountId, zone: blobZone }
  { name: 'mail-blob', service: 'blob', resourceId: mailAccountId, zone: blobZone }
  { name: 'mail-queue', service: 'queue', resourceId: mailAccountId, zone: queueZone }
]
var vaultTargets = empty(vaultId) ? [] : [{ name: 'vault', service: 'vault', resourceId: vaultId, zone: vaultZone }]
var targets = concat(storageTargets, vaultTargets)
var zoneNames = empty(vaultId) ? [blobZone, queueZone] : [blobZone, queueZone, vaultZone]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zoneNames: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zoneNames: {
    parent: zones[index]
    name: 'relay'
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: networkId } }
  }
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for target in targets: {
    name: 'pe-relay-${target.name}'
    location: location
    tags: tags
    properties: {
      subnet: { id: subnetId }
      privateLinkServiceConnections: [
        { name: target.name, properties: { privateLinkServiceId: target.resourceId, groupIds: [target.service] } }
      ]
    }
  }
]

resource records 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (target, index) in targets: {
    parent: endpoints[index]
    name: 'default'
    dependsOn: [zones]
    properties: {
      privateDnsZoneConfigs: [
        {
          name: target.service
          properties: { privateDnsZoneId: resourceId('Microsoft.Network/privateDnsZones', target.zone) }
        }
      ]
    }
  }
]
