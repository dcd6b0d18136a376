// The identity that everything is done as: it reads and writes the relay's storage, and Exchange lets it send.
// User-assigned, so that it exists before the app and outlives it: the permission to send hangs on its object id.
param name string
param location string
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

output id string = identity.id
output name string = identity.name
output principalId string = identity.properties.principalId
output clientId string = identity.properties.clientId
