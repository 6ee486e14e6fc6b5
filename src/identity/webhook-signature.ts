import { createHmac, timingSafeEqual } from 'node:crypto'
import type { WebhookConfig } from '../config/config.ts'
import type { WebhookCredentials } from '../reconnect/alert-ports.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { decodeCanonical } from './strict-json.ts'

const DEFAULT_HEADER = 'X-Grafana-Alerting-Signature'
/** Standard Webhooks, "Verifying webhook authenticity": five minutes; for `hmac` where the policy says nothing. */
const DEFAULT_TOLERANCE_SECONDS = 300
const HEX_SHA256 = /^[0-9A-Fa-f]{64}$/
/** Digits only: `parseInt` would also accept text that begins with a number. */
const UNIX_SECONDS = /^[0-9]{1,12}$/
/** More signatures than keys in rotation are ignored. */
const MAX_SIGNATURES = 16

type Authentication<T> = Extract<WebhookConfig['authentication'], { type: T }>

/**
 * Grafana's signature: hexadecimal HMAC-SHA256 over the raw bytes, or over `<unix seconds>:` and the bytes where the policy names a timestamp
 * header. Without a timestamp a recorded post can be replayed; the policy's author decides.
 */
export function hmacFault(
  authentication: Authentication<'hmac'>,
  secrets: readonly string[],
  { header }: WebhookCredentials,
  body: Uint8Array,
  nowEpochMs: number,
): CredentialRefusal | undefined {
  const {
    header: name = DEFAULT_HEADER,
    timestampHeader,
    toleranceSeconds = DEFAULT_TOLERANCE_SECONDS,
  } = authentication
  const signature = header(name)?.trim()
  if (signature === undefined) return { reason: 'webhook_proof_missing', detail: name }
  if (!HEX_SHA256.test(signature))
    return { reason: 'webhook_signature', detail: `${name} is not 64 hexadecimal digits` }
  const timestamp = timestampHeader === undefined ? undefined : header(timestampHeader)?.trim()
  if (timestampHeader !== undefined) {
    if (timestamp === undefined) return { reason: 'webhook_proof_missing', detail: timestampHeader }
    if (!isRecent(timestamp, toleranceSeconds, nowEpochMs))
      return { reason: 'webhook_timestamp', detail: timestampHeader }
  }
  const signed = timestamp === undefined ? body : Buffer.concat([Buffer.from(`${timestamp}:`), body])
  return isSigned(secrets, signed, [Buffer.from(signature, 'hex')])
    ? undefined
    : { reason: 'webhook_signature', detail: name }
}

/** Standard Webhooks, version 1: `v1,<base64>` of HMAC-SHA256 over `<id>.<timestamp>.<body>`; one of several signatures is enough. */
export function standardWebhooksFault(
  secrets: readonly string[],
  { header }: WebhookCredentials,
  body: Uint8Array,
  nowEpochMs: number,
): CredentialRefusal | undefined {
  const [id, timestamp, signature] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(header)
  const missing =
    id === undefined
      ? 'webhook-id'
      : timestamp === undefined
        ? 'webhook-timestamp'
        : signature === undefined
          ? 'webhook-signature'
          : undefined
  if (missing !== undefined || timestamp === undefined || signature === undefined)
    return { reason: 'webhook_proof_missing', detail: missing ?? '' }
  if (!isRecent(timestamp, DEFAULT_TOLERANCE_SECONDS, nowEpochMs))
    return { reason: 'webhook_timestamp', detail: 'webhook-timestamp' }
  const signatures = signature
    .split(' ', MAX_SIGNATURES)
    .filter((part) => part.startsWith('v1,'))
    .map((part) => decodeCanonical(part.slice('v1,'.length), 'base64'))
    .filter((bytes) => bytes?.byteLength === 32)
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
  const keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
  return isSigned(keys, signed, signatures as Buffer[])
    ? undefined
    : { reason: 'webhook_signature', detail: 'webhook-signature' }
}

function isRecent(timestamp: string, toleranceSeconds: number, nowEpochMs: number): boolean {
  return UNIX_SECONDS.test(timestamp) && Math.abs(nowEpochMs / 1_000 - Number(timestamp)) <= toleranceSeconds
}

/** Constant time: every key is compared with every signature. */
function isSigned(keys: readonly (string | Buffer)[], signed: Uint8Array, signatures: readonly Buffer[]): boolean {
  let isGood = false
  for (const key of keys) {
    const expected = createHmac('sha256', key).update(signed).digest()
    for (const signature of signatures) isGood = timingSafeEqual(expected, signature) || isGood
  }
  return isGood
}
