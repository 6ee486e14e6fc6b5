import { createHash, generateKeyPair, type JsonWebKey, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { createSelfSigned } from './certificates.ts'

const RSA_BITS = 2_048

export interface SigningKey {
  /** The SHA-1 thumbprint of its certificate, as Entra's key ids are. */
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: JsonWebKey
}

/** The tenant's signing keys: tokens are signed with the newest one, the older ones stay published until they are retired. */
export interface KeyRing {
  current(): SigningKey
  published(): readonly SigningKey[]
  /** Also finds retired keys: ARM accepts their tokens until they expire. */
  find(kid: string): SigningKey | undefined
  /** A key that is published nowhere. */
  unpublished(): Promise<SigningKey>
  rotate(options?: { readonly retireOld?: boolean }): Promise<SigningKey>
}

export async function createKeyRing(now: () => number): Promise<KeyRing> {
  const retired: SigningKey[] = []
  let published = [await createSigningKey(now())]
  let stray: Promise<SigningKey> | undefined
  return {
    current: () => published.at(-1) as SigningKey,
    published: () => published,
    find: (kid) => [...published, ...retired].find((key) => key.kid === kid),
    unpublished: () => (stray ??= createSigningKey(now())),
    async rotate({ retireOld = false } = {}) {
      const key = await createSigningKey(now())
      if (retireOld) retired.push(...published)
      published = retireOld ? [key] : [...published, key]
      return key
    },
  }
}

async function createSigningKey(nowEpochMs: number): Promise<SigningKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: RSA_BITS })
  const certificate = createSelfSigned('accounts.accesscontrol.sandbox', publicKey, privateKey, nowEpochMs)
  const kid = createHash('sha1').update(certificate).digest('base64url')
  const { n, e } = publicKey.export({ format: 'jwk' })
  return {
    kid,
    privateKey,
    publicKey,
    jwk: {
      kty: 'RSA',
      use: 'sig',
      kid,
      x5t: kid,
      n: n as string,
      e: e as string,
      x5c: [certificate.toString('base64')],
    },
  }
}
