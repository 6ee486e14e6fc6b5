metadata description = 'Writes one webhook secret into the vault through Azure Resource Manager: it works with a private vault and needs no role on the data of the vault.'

param vaultName string

@description('Name of the secret: the name of the app setting with - for _.')
param name string

@secure()
@minLength(16)
param value string

resource vault 'Microsoft.KeyVault/vaults@2025-05-01' existing = {
  name: vaultName

  resource secret 'secrets' = {
    name: name
    properties: { value: value }
  }
}
