import type { EntraConfig } from '../config/config.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { HttpGet } from './http-get.ts'
import { fetchJson } from './fetch-json.ts'
import { issuersOf, metadataAddress } from './issuers.ts'
import { parseSigningKeys, type SigningKeys } from './signing-keys.ts'
import { toMembers } from './strict-json.ts'

/** The issuer's two documents. An error is a text for the log. Never rejects. */
export interface IssuerDocuments {
  /** Address of the key set, from the OpenID metadata. */
  fetchKeysAddress(): Promise<Result<string, string>>
  fetchKeys(keysAddress: string): Promise<Result<SigningKeys, string>>
}

export function createIssuerDocuments(entra: EntraConfig, get: HttpGet): IssuerDocuments {
  const issuers = issuersOf(entra.authority, entra.tenantId)

  return {
    async fetchKeysAddress() {
      const document = await fetchJson(get, metadataAddress(entra))
      if (!document.ok) return err(`OpenID metadata: ${document.error}`)
      const metadata = toMembers(document.value)
      // OpenID Connect Discovery 1.0, section 4.3. Without this check the metadata of another tenant or cloud would bring its keys.
      if (metadata?.get('issuer') !== issuers[0]) return err('OpenID metadata: not of the configured issuer')
      const address = metadata.get('jwks_uri')
      if (typeof address !== 'string' || !isTrustworthy(address))
        return err('OpenID metadata: jwks_uri is not an https address')
      return ok(address)
    },

    async fetchKeys(keysAddress) {
      const document = await fetchJson(get, keysAddress)
      if (!document.ok) return err(`keys: ${document.error}`)
      const keys = await parseSigningKeys(document.value, issuers, entra.tenantId)
      if (keys === undefined) return err('keys: not a JWK set')
      // An issuer that publishes no usable key is faulty. The keys from before stay in use.
      return keys.size === 0 ? err('keys: none that can be used') : ok(keys)
    },
  }
}

const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])$/

/** Over plain HTTP an on-path attacker could substitute keys: allowed on loopback only. */
function isTrustworthy(address: string): boolean {
  const url = URL.parse(address)
  return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK_HOST.test(url.hostname)))
}
