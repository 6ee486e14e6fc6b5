import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  ChainedTokenCredential,
  ManagedIdentityCredential,
  type TokenCredential,
} from '@azure/identity'
import type { ArmCredential } from '../config/config.ts'

/** The one credential of the process. */
export function createCredential(choice: ArmCredential): TokenCredential {
  switch (choice.kind) {
    case 'managed-identity':
      return choice.clientId === undefined
        ? new ManagedIdentityCredential()
        : new ManagedIdentityCredential({ clientId: choice.clientId })
    case 'developer':
      // Not DefaultAzureCredential: it would also try environment secrets and other identities that nobody chose.
      return new ChainedTokenCredential(
        new AzureCliCredential(),
        new AzureDeveloperCliCredential(),
        new AzurePowerShellCredential(),
      )
  }
}
