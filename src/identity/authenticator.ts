import type { EntraConfig } from '../config/config.ts'
import type { Caller } from '../domain/caller.ts'
import type { AuthenticationFailure } from '../domain/failure.ts'
import type { Authenticate } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import type { Log } from '../shared/log.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { readAppServicePrincipal } from './app-service-principal.ts'
import { extractBearerToken } from './bearer-token.ts'
import { verifyEntraToken } from './entra-token.ts'
import { httpGet, type HttpGet } from './http-get.ts'
import { createIssuerDocuments } from './issuer-documents.ts'
import { createIssuerKeys } from './issuer-keys.ts'
import { createTokenCache } from './token-cache.ts'

export interface AuthenticatorOptions {
  readonly entra: EntraConfig
  readonly appServiceAuthentication: boolean
  readonly clock: Clock
  readonly log: Log
  /** How the issuer's documents are requested. */
  readonly get?: HttpGet
}

export interface Authenticator {
  /** Who sends this request. Never rejects, whatever the credentials contain. */
  readonly authenticate: Authenticate
  /** Whether tokens can be judged now: there are keys, or one request for them (none during its cool-down) succeeded. */
  keysKnown(deadline: Deadline): Promise<boolean>
}

/** Contract, section 4. One per process: it caches the issuer's keys and recently verified tokens. Sends no request before the first call. */
export function createAuthenticator(options: AuthenticatorOptions): Authenticator {
  const { entra, clock } = options
  const keys = createIssuerKeys(createIssuerDocuments(entra, options.get ?? httpGet), clock, options.log)
  const cache = createTokenCache(clock)

  async function authenticateToken(
    authorization: string,
    deadline: Deadline,
  ): Promise<Result<Caller, AuthenticationFailure>> {
    const token = extractBearerToken(authorization)
    if (!token.ok) return token
    const known = cache.find(token.value)
    if (known !== undefined) return ok(known.caller)
    const verified = await verifyEntraToken(token.value, entra, keys, clock, deadline)
    if (!verified.ok) return verified
    cache.remember(token.value, verified.value)
    return ok(verified.value.caller)
  }

  return {
    async authenticate(credentials, deadline) {
      // Where there is an Authorization header, it alone is judged, also a bad one: a weaker proof must not replace a stronger one.
      if (credentials.authorization !== undefined) return authenticateToken(credentials.authorization, deadline)
      if (options.appServiceAuthentication && credentials.clientPrincipal !== undefined) {
        if (!isStartedHere(credentials.fetchSite)) return err({ reason: 'principal_cross_site' })
        return readAppServicePrincipal(credentials.clientPrincipal, entra)
      }
      return err({ reason: 'credential_missing' })
    },
    keysKnown: (deadline) => keys.known(deadline),
  }
}

/** A program sends no `Sec-Fetch-Site`. `none`: the user typed the address or used a bookmark. */
const STARTED_HERE: ReadonlySet<string | undefined> = new Set([undefined, 'same-origin', 'none'])

/**
 * Whether the session of App Service Authentication may prove this request. A browser adds that session's cookie to requests of every site, and a
 * POST without a body needs no preflight: another site could start reconnects. Every other value is refused. So is `same-site`: apps of strangers
 * are one site under `<region>-01.azurewebsites.net` until a browser has Public Suffix List pull request 3147.
 */
function isStartedHere(fetchSite: string | undefined): boolean {
  return STARTED_HERE.has(fetchSite)
}
