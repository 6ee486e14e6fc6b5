import type { TokenCredential } from '@azure/identity'
import { ManagedIdentityApplication } from '@azure/msal-node'
import type { ArmCredential } from '../config/config.ts'

/**
 * The credential behind a managed identity of this app. Every call asks the identity endpoint: tokens are cached by {@link createTokenSource}.
 * `ManagedIdentityCredential` has a cache of its own, for the whole process, that cannot be passed by; a token that was refused would come back
 * until it expires. It uses this very application of MSAL.
 */
export function createManagedIdentity({
  clientId,
  resourceId,
}: Extract<ArmCredential, { kind: 'managed-identity' }>): TokenCredential {
  const identity = new ManagedIdentityApplication({
    managedIdentityIdParams: {
      ...(clientId === undefined ? {} : { userAssignedClientId: clientId }),
      ...(resourceId === undefined ? {} : { userAssignedResourceId: resourceId }),
    },
  })
  return {
    async getToken(scopes) {
      const [scope = ''] = [scopes].flat()
      const resource = scope.replace(/\/\.default$/, '')
      const { accessToken, expiresOn } = await identity.acquireToken({ resource, forceRefresh: true })
      return expiresOn === null ? null : { token: accessToken, expiresOnTimestamp: expiresOn.getTime() }
    },
  }
}
