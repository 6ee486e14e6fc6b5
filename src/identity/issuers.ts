import type { EntraConfig } from '../config/config.ts'

/** What `iss` says in a v2 and in a v1 token of a tenant: the resource app decides the version, so both are met. */
export function issuersOf(authority: string, tenantId: string): readonly [v2: string, v1: string] {
  return [`${authority}/${tenantId}/v2.0`, `https://sts.windows.net/${tenantId}/`]
}

/**
 * OpenID Connect Discovery 1.0, section 4. The v2 document serves both token versions: Entra signs them with the same keys.
 */
export function metadataAddress(entra: EntraConfig): string {
  return `${entra.authority}/${entra.tenantId}/v2.0/.well-known/openid-configuration`
}
