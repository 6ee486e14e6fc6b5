import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { API_AUDIENCE, API_CLIENT_ID, PEOPLE, TENANT_ID } from './directory.ts'
import { readText, sendJson } from './http-helpers.ts'
import { personChooser, signInProblem } from './sign-in-page.ts'
import type { Mint } from './tokens.ts'

/** Entra's codes last ten minutes; each is used once. */
const CODE_LIFETIME_MS = 600_000
const MAX_CODES = 100
const TOKEN_LIFETIME_SECONDS = 3_600
const SCOPE_VALUES = ['Reconnect.Invoke', 'user_impersonation', '.default']

interface Grant {
  readonly person: (typeof PEOPLE)[number]
  readonly redirectUri: string
  readonly challenge: string
  readonly scope: string
  readonly lifetimeSeconds: number
  readonly expiresAtEpochMs: number
}

export interface SignIn {
  authorize(url: URL, response: ServerResponse): void
  redeem(request: IncomingMessage, response: ServerResponse): Promise<void>
}

/**
 * Sign-in of people as Entra's platform "Single-page application" has it: authorization code with PKCE (RFC 7636), no client secret, and a token
 * endpoint that answers other origins. A page in which one of the tenant's people is chosen takes the place of a password.
 */
export function createSignIn(mint: () => Mint, now: () => number): SignIn {
  const codes = new Map<string, Grant>()

  return {
    authorize(url, response) {
      const asked = readAuthorizeRequest(url.searchParams)
      // Where client or address are unknown, no answer is sent to that address (RFC 6749, section 4.1.2.1).
      if ('problem' in asked) return signInProblem(response, asked.problem)
      const back = new URL(asked.redirectUri)
      back.searchParams.set('state', url.searchParams.get('state') ?? '')
      if ('error' in asked) {
        back.searchParams.set('error', asked.error)
        back.searchParams.set('error_description', asked.description)
        return redirect(response, back)
      }
      const choice = url.searchParams.get('person')
      if (choice === 'none') {
        back.searchParams.set('error', 'access_denied')
        back.searchParams.set('error_description', 'AADSTS65004: User declined to consent to access the app.')
        return redirect(response, back)
      }
      const person = PEOPLE.find(({ objectId }) => objectId === choice)
      if (person === undefined) return personChooser(response, url, PEOPLE)
      const code = `0.${randomBytes(48).toString('base64url')}`
      const lifetimeSeconds = Number(url.searchParams.get('lifetime') ?? TOKEN_LIFETIME_SECONDS)
      codes.set(code, { ...asked, person, lifetimeSeconds, expiresAtEpochMs: now() + CODE_LIFETIME_MS })
      const [oldest] = codes.keys()
      if (codes.size > MAX_CODES && oldest !== undefined) codes.delete(oldest)
      back.searchParams.set('code', code)
      back.searchParams.set('session_state', randomUUID())
      return redirect(response, back)
    },

    async redeem(request, response) {
      const { origin } = request.headers
      const cors = origin === undefined ? {} : { 'access-control-allow-origin': origin, vary: 'Origin' }
      const refuse = (error: string, description: string): void =>
        sendJson(response, 400, toError(error, description), cors)
      if (request.method === 'OPTIONS')
        return void response
          .writeHead(204, { ...cors, 'access-control-allow-methods': 'POST, OPTIONS', 'access-control-max-age': '600' })
          .end()
      if (request.method !== 'POST') return void response.writeHead(405).end()
      const form = new URLSearchParams(await readText(request))
      if (form.get('grant_type') !== 'authorization_code')
        return refuse('unsupported_grant_type', 'AADSTS70003: The app requested an unsupported grant type.')
      const grant = codes.get(form.get('code') ?? '')
      codes.delete(form.get('code') ?? '')
      if (grant === undefined || now() > grant.expiresAtEpochMs)
        return refuse('invalid_grant', 'AADSTS54005: OAuth2 Authorization code was already redeemed or has expired.')
      if (form.get('client_id') !== API_CLIENT_ID || form.get('redirect_uri') !== grant.redirectUri)
        return refuse('invalid_grant', 'AADSTS500112: The reply address does not match the reply address provided.')
      if (origin === undefined)
        return refuse(
          'invalid_request',
          "AADSTS9002327: Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
        )
      if (challengeOf(form.get('code_verifier') ?? '') !== grant.challenge)
        return refuse('invalid_grant', 'AADSTS501481: The Code_Verifier does not match the code_challenge.')
      const { objectId, name, userName, roles } = grant.person
      const accessToken = await mint()({
        kind: 'operator',
        app: API_CLIENT_ID,
        user: objectId,
        roles,
        scp: grant.scope === '.default' ? 'Reconnect.Invoke' : grant.scope,
        expiresInSeconds: grant.lifetimeSeconds,
        claims: { name, preferred_username: userName, ...(roles.length === 0 && { roles: null }) },
      })
      sendJson(
        response,
        200,
        {
          token_type: 'Bearer',
          scope: `${API_AUDIENCE}/${grant.scope}`,
          // For a token that has ended already, as a test asks for it: the page is told of a longer life.
          expires_in: Math.max(1, grant.lifetimeSeconds),
          ext_expires_in: Math.max(1, grant.lifetimeSeconds),
          access_token: accessToken,
        },
        { ...cors, 'cache-control': 'no-store, no-cache', pragma: 'no-cache' },
      )
    },
  }
}

type Asked =
  | { readonly problem: string }
  | { readonly redirectUri: string; readonly error: string; readonly description: string }
  | { readonly redirectUri: string; readonly challenge: string; readonly scope: string }

function readAuthorizeRequest(query: URLSearchParams): Asked {
  if (query.get('client_id') !== API_CLIENT_ID)
    return { problem: `AADSTS700016: Application with identifier '${query.get('client_id')}' was not found.` }
  const redirectUri = query.get('redirect_uri') ?? ''
  if (!isRegistered(redirectUri))
    return { problem: `AADSTS50011: The redirect URI '${redirectUri}' does not match the redirect URIs configured.` }
  const invalid = (description: string): Asked => ({ redirectUri, error: 'invalid_request', description })
  if (query.get('response_type') !== 'code') return invalid('AADSTS900144: response_type must be code here.')
  const challenge = query.get('code_challenge') ?? ''
  if (query.get('code_challenge_method') !== 'S256' || !/^[A-Za-z0-9_-]{43}$/.test(challenge))
    return invalid(
      "AADSTS9002325: Proof Key for Code Exchange is required for the 'Single-Page Application' client-type.",
    )
  const [, resource, scope = ''] = /^(.*)\/([^/ ]+)$/.exec(query.get('scope') ?? '') ?? []
  // An application that asks for a token for itself names itself by its GUID (AADSTS90009).
  if (resource !== API_CLIENT_ID || !SCOPE_VALUES.includes(scope))
    return {
      redirectUri,
      error: 'invalid_scope',
      description: 'AADSTS70011: The provided value for scope is not valid.',
    }
  return { redirectUri, challenge, scope }
}

/** The page of this app on any loopback port: Entra ignores the port of loopback addresses too. */
function isRegistered(redirectUri: string): boolean {
  return /^https?:\/\/(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?\/console$/.test(redirectUri)
}

function challengeOf(verifier: string): string | undefined {
  return /^[A-Za-z0-9._~-]{43,128}$/.test(verifier)
    ? createHash('sha256').update(verifier).digest('base64url')
    : undefined
}

function redirect(response: ServerResponse, to: URL): void {
  response.writeHead(302, { location: to.href, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }).end()
}

function toError(error: string, description: string): object {
  const traceId = randomUUID()
  return {
    error,
    error_description: `${description} Trace ID: ${traceId}`,
    error_codes: [Number(/AADSTS([0-9]+)/.exec(description)?.[1])],
    trace_id: traceId,
    correlation_id: randomUUID(),
    tenant: TENANT_ID,
  }
}
