import * as oauth from 'oauth4webapi'
import { clientNow } from './clock.ts'

/** `GET /console/settings.json`: nothing of it is secret. */
export interface Settings {
  /** Issuer of tokens of version 2. */
  readonly issuer: string
  /** Absent: the app has no client id for this page. */
  readonly clientId?: string
  readonly scope?: string
}

export interface Token {
  readonly value: string
  readonly expiresAtEpochMs: number
}

export type Returned =
  | { readonly kind: 'token'; readonly token: Token; readonly place: string }
  /** The page was not opened by a sign-in. */
  | { readonly kind: 'none' }
  | { readonly kind: 'failed'; readonly reason: string; readonly place: string }

/** What has to survive the visit at the issuer. In this tab only, and removed as soon as it is read. It is no credential by itself. */
interface Started {
  readonly state: string
  readonly verifier: string
  readonly place: string
}
const STARTED = 'apim-reconnect-sign-in'
const DEFAULT_LIFETIME_SECONDS = 300
const ISSUER_ANSWERS_WITHIN_MS = 10_000

/** Leaves the page for the issuer (RFC 6749, section 4.1, with PKCE). It comes back to `/console`, and from there to `place`. */
export async function startSignIn(settings: Settings, place: string, chooseAccount: boolean): Promise<void> {
  const server = await discover(settings)
  const started: Started = {
    state: oauth.generateRandomState(),
    verifier: oauth.generateRandomCodeVerifier(),
    place,
  }
  sessionStorage.setItem(STARTED, JSON.stringify(started))
  const address = new URL(server.authorization_endpoint ?? '')
  const parameters = {
    client_id: settings.clientId ?? '',
    response_type: 'code',
    response_mode: 'query',
    redirect_uri: redirectUri(),
    // No offline_access: there is no refresh token. When the token ends, the user signs in again.
    scope: settings.scope ?? '',
    state: started.state,
    code_challenge: await oauth.calculatePKCECodeChallenge(started.verifier),
    code_challenge_method: 'S256',
    ...(chooseAccount ? { prompt: 'select_account' } : {}),
  }
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value)
  location.assign(address)
}

/** Reads the answer of the issuer in the address, removes it from there, and redeems the code. */
export async function finishSignIn(settings: Settings): Promise<Returned> {
  const answer = new URL(location.href)
  const started = takeStarted()
  if (!answer.searchParams.has('code') && !answer.searchParams.has('error')) return { kind: 'none' }
  const place = started?.place ?? ''
  history.replaceState(null, '', `${location.pathname}${place}`)
  // A link with a code of someone else: this tab has not asked for it.
  if (started === undefined) return { kind: 'none' }
  try {
    const server = await discover(settings)
    const client: oauth.Client = { client_id: settings.clientId ?? '' }
    const parameters = oauth.validateAuthResponse(server, client, answer, started.state)
    const response = await oauth.authorizationCodeGrantRequest(
      server,
      client,
      oauth.None(),
      parameters,
      redirectUri(),
      started.verifier,
      { ...insecure(settings), signal: AbortSignal.timeout(ISSUER_ANSWERS_WITHIN_MS) },
    )
    const { access_token, expires_in } = await oauth.processAuthorizationCodeResponse(server, client, response)
    const lifetimeMs = (expires_in ?? DEFAULT_LIFETIME_SECONDS) * 1_000
    // The clock of this computer, which also counted from the moment of the request: the app judges by its own.
    return { kind: 'token', token: { value: access_token, expiresAtEpochMs: clientNow() + lifetimeMs }, place }
  } catch (fault) {
    return { kind: 'failed', reason: reasonOf(fault), place }
  }
}

async function discover(settings: Settings): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(settings.issuer)
  const signal = AbortSignal.timeout(ISSUER_ANSWERS_WITHIN_MS)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { ...insecure(settings), signal }))
}

/** The app accepts an authority over http on a loopback address only: the sandbox's. */
function insecure({ issuer }: Settings): { [oauth.allowInsecureRequests]: boolean } {
  return { [oauth.allowInsecureRequests]: issuer.startsWith('http:') }
}

function redirectUri(): string {
  return `${location.origin}/console`
}

function takeStarted(): Started | undefined {
  const text = sessionStorage.getItem(STARTED)
  sessionStorage.removeItem(STARTED)
  return text === null ? undefined : (JSON.parse(text) as Started)
}

function reasonOf(fault: unknown): string {
  if (fault instanceof oauth.AuthorizationResponseError || fault instanceof oauth.ResponseBodyError)
    return fault.error_description ?? fault.error
  return fault instanceof Error ? fault.message : String(fault)
}
