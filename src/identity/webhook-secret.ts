import { createHash, timingSafeEqual } from 'node:crypto'
import type { WebhookConfig } from '../config/config.ts'
import type { WebhookCredentials } from '../reconnect/alert-ports.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { decodeCanonical } from './strict-json.ts'

type Authentication<T> = Extract<WebhookConfig['authentication'], { type: T }>

/** A secret that the sender repeats: in a bearer token, as a password, or in the address. */
export function secretFault(
  authentication: Authentication<'bearer' | 'basic' | 'query'>,
  secrets: readonly string[],
  credentials: WebhookCredentials,
): CredentialRefusal | undefined {
  const given = givenSecret(authentication, credentials)
  const where = authentication.type === 'query' ? authentication.parameter : 'Authorization'
  if (given === undefined) return { reason: 'webhook_proof_missing', detail: where }
  const expected =
    authentication.type === 'basic' ? secrets.map((secret) => `${authentication.username}:${secret}`) : secrets
  return isOneOf(expected, given) ? undefined : { reason: 'webhook_secret', detail: where }
}

function givenSecret(
  authentication: Authentication<'bearer' | 'basic' | 'query'>,
  { header, query }: WebhookCredentials,
): string | undefined {
  switch (authentication.type) {
    case 'query': {
      const values = query(authentication.parameter)
      return values.length === 1 ? values[0] : undefined
    }
    case 'bearer':
      return /^Bearer +(.*)$/i.exec(header('authorization') ?? '')?.[1]?.trim()
    case 'basic': {
      // RFC 7617, section 2: user name and password, which may contain colons, in UTF-8.
      const encoded = /^Basic +([A-Za-z0-9+/]+=*)$/i.exec(header('authorization') ?? '')?.[1]
      return encoded === undefined ? undefined : decodeCanonical(encoded, 'base64')?.toString('utf8')
    }
  }
}

/** Constant time: digests have one length, and every secret is compared. */
function isOneOf(expected: readonly string[], given: string): boolean {
  const digest = digestOf(given)
  let isGood = false
  for (const secret of expected) isGood = timingSafeEqual(digestOf(secret), digest) || isGood
  return isGood
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
