import type { EntraConfig } from '../config/config.ts'

const CHINA = ['https://login.partner.microsoftonline.cn', 'https://login.chinacloudapi.cn']

/**
 * What `iss` says in the v2 and v1 tokens of a tenant: the resource app decides the version, so both are met. v1 tokens name `sts.windows.net` in the
 * public cloud and in Azure Government, and `sts.chinacloudapi.cn` in Azure operated by 21Vianet. There the two names of the authority are one,
 * and v2 tokens and metadata carry the first.
 */
export function issuersOf(authority: string, tenantId: string): readonly [v2: string, v1: string] {
  const isChina = CHINA.includes(authority)
  return [
    `${isChina ? CHINA[0] : authority}/${tenantId}/v2.0`,
    `https://${isChina ? 'sts.chinacloudapi.cn' : 'sts.windows.net'}/${tenantId}/`,
  ]
}

/** OpenID Connect Discovery 1.0, section 4. The v2 document serves both token versions: Entra signs them with the same keys. */
export function metadataAddress(entra: EntraConfig): string {
  return `${entra.authority}/${entra.tenantId}/v2.0/.well-known/openid-configuration`
}
