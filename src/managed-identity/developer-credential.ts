import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  ChainedTokenCredential,
  type TokenCredential,
} from '@azure/identity'

/** The developer's own sign-in. Not DefaultAzureCredential: it would also try environment secrets and other identities that were not chosen. */
export function createDeveloperCredential(): TokenCredential {
  return new ChainedTokenCredential(
    new AzureCliCredential(),
    new AzureDeveloperCliCredential(),
    new AzurePowerShellCredential(),
  )
}
