import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { isIPv6 } from 'node:net'
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  nothing,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tlv,
  utcTime,
  utf8String,
} from './der.ts'

const DAY_MS = 86_400_000
/** Longer than any sandbox runs. */
const LIFETIME_MS = 7 * DAY_MS

export interface ServerIdentity {
  /** PEM. The key is in memory only. */
  readonly key: string
  readonly cert: string
}

export interface CertificateAuthority {
  /** PEM, for clients that are to trust it. */
  readonly certificate: string
  issue(commonName: string, names: readonly string[]): ServerIdentity
}

/** A certificate authority that exists for one run (ECDSA P-256). Its private key never leaves this closure. */
export function createCertificateAuthority(commonName: string, nowEpochMs: number): CertificateAuthority {
  const ca = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const caKeyId = keyId(ca.publicKey)
  const certificate = createCertificate({
    subject: commonName,
    issuer: commonName,
    publicKey: ca.publicKey,
    signingKey: ca.privateKey,
    nowEpochMs,
    extensions: [
      extension('2.5.29.19', true, sequence(boolean(true), integer(Buffer.from([0])))),
      extension('2.5.29.15', true, bitString(Buffer.from([0b0000_0110]), 1)),
      extension('2.5.29.14', false, octetString(caKeyId)),
    ],
  })
  return {
    certificate: toPem(certificate),
    issue(subject, names) {
      const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const leafCertificate = createCertificate({
        subject,
        issuer: commonName,
        publicKey: leaf.publicKey,
        signingKey: ca.privateKey,
        nowEpochMs,
        extensions: [
          extension('2.5.29.19', true, sequence()),
          extension('2.5.29.15', true, bitString(Buffer.from([0b1000_0000]), 7)),
          extension('2.5.29.37', false, sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
          extension('2.5.29.17', false, sequence(...names.map(alternativeName))),
          extension('2.5.29.14', false, octetString(keyId(leaf.publicKey))),
          extension('2.5.29.35', false, sequence(implicit(0, caKeyId))),
        ],
      })
      return { key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, cert: toPem(leafCertificate) }
    },
  }
}

/** A self-signed certificate around a signing key, as Entra publishes one per key (`x5c`). DER. */
export function createSelfSigned(
  commonName: string,
  publicKey: KeyObject,
  signingKey: KeyObject,
  nowEpochMs: number,
): Buffer {
  return createCertificate({
    subject: commonName,
    issuer: commonName,
    publicKey,
    signingKey,
    nowEpochMs,
    extensions: [],
  })
}

interface CertificateFields {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly signingKey: KeyObject
  readonly nowEpochMs: number
  readonly extensions: readonly Buffer[]
}

/** RFC 5280, 4.1: what is certified, signed. */
function createCertificate(fields: CertificateFields): Buffer {
  const algorithm =
    fields.signingKey.asymmetricKeyType === 'ec'
      ? sequence(objectIdentifier('1.2.840.10045.4.3.2'))
      : sequence(objectIdentifier('1.2.840.113549.1.1.11'), nothing())
  const serial = randomBytes(16)
  serial[0] = ((serial[0] as number) & 0x7f) | 0x01
  const certified = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    name(fields.issuer),
    sequence(utcTime(fields.nowEpochMs - DAY_MS), utcTime(fields.nowEpochMs + LIFETIME_MS)),
    name(fields.subject),
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    ...(fields.extensions.length > 0 ? [explicit(3, sequence(...fields.extensions))] : []),
  )
  return sequence(certified, algorithm, bitString(sign('sha256', certified, fields.signingKey)))
}

function name(commonName: string): Buffer {
  return sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))))
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value))
}

/** dNSName [2] or iPAddress [7]; of IPv6 only the loopback address is ever needed. */
function alternativeName(text: string): Buffer {
  if (isIPv6(text)) return tlv(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]))
  return /^[0-9.]+$/.test(text) ? tlv(0x87, Buffer.from(text.split('.').map(Number))) : tlv(0x82, Buffer.from(text))
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
}

function toPem(der: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
}
