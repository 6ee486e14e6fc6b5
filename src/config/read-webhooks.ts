import type { Webhook } from '../policy/policy-document.ts'
import type { WebhookConfig } from './config.ts'
import { isPlaceholder } from './placeholder.ts'
import type { Reading, Settings } from './settings.ts'

const MIN_SECRET_CHARS = 16
const SECRET: Reading<string> = {
  parse: (text) => (text.length >= MIN_SECRET_CHARS && !isPlaceholder(text) ? text : undefined),
  expectation: `a secret of at least ${MIN_SECRET_CHARS} characters that is no placeholder`,
  example: 'the output of: openssl rand -base64 32',
}
/** Standard Webhooks, "Symmetric signatures": 24 to 64 random bytes in Base64, with the prefix `whsec_` or without. */
const STANDARD_WEBHOOKS_SECRET: Reading<string> = {
  parse: (text) => (SECRET.parse(text) !== undefined && isKey(text.replace(/^whsec_/, '')) ? text : undefined),
  expectation: 'a secret of Standard Webhooks: whsec_ and 24 to 64 random bytes in Base64',
  example: 'the output of: echo "whsec_$(openssl rand -base64 32)"',
}

function isKey(base64: string): boolean {
  const key = Buffer.from(base64, 'base64')
  return key.toString('base64') === base64 && key.byteLength >= 24 && key.byteLength <= 64
}

/**
 * The bytes that a secret may encode: as text, without the prefix of Standard Webhooks, and decoded. Two secrets that share one of them can sign
 * for each other, or are one secret in two spellings.
 */
function materialOf(secret: string): readonly string[] {
  const text = secret.replace(/^whsec_/, '')
  const decoded = /^[A-Za-z0-9+/_-]+=*$/.test(text) ? [Buffer.from(text, 'base64')] : []
  const bytes = /^(?:[0-9A-Fa-f]{2})+$/.test(text) ? [Buffer.from(text, 'hex')] : []
  return [Buffer.from(text), ...decoded, ...bytes].map((material) => material.toString('hex'))
}

/** Words of capitals, numbers after them: a random secret of at least 16 characters does not look so. */
const PLAUSIBLE_NAME = /^(?:[A-Z]{1,15}[0-9]{0,3}|[0-9]{1,4})(?:_(?:[A-Z]{1,15}[0-9]{0,3}|[0-9]{1,4})?)*$/

/**
 * The policy's webhooks with the values of the secrets that they name. A `nextSecret` whose setting is not set is ignored: no rotation is under way.
 * A secret that two webhooks share would let the sender of one speak for the other. `policyName` is how problems name the document.
 */
export function readWebhooks(
  settings: Settings,
  webhooks: readonly Webhook[],
  policyName: string,
): readonly WebhookConfig[] {
  const owners = new Map<string, string>()

  function read(name: string, webhook: Webhook, member: 'secret' | 'nextSecret'): readonly string[] {
    const reading = webhook.authentication.type === 'standard-webhooks' ? STANDARD_WEBHOOKS_SECRET : SECRET
    if (member === 'secret' && !settings.isSet(name) && !PLAUSIBLE_NAME.test(name)) {
      // Perhaps the secret itself, pasted where its name belongs: it must not reach the log.
      settings.complain({
        name: `${policyName} webhooks.${webhook.name}.authentication.${member}`,
        expectation:
          'the NAME of an app setting that is set; what is there is not repeated, since it may be the secret',
        example: 'ALERTMANAGER_TOKEN',
      })
      return []
    }
    const secret = member === 'secret' ? settings.required(name, reading) : settings.optional(name, reading)
    if (secret === undefined) return []
    const material = materialOf(secret)
    const owner = material.map((bytes) => owners.get(bytes)).find((name) => name !== undefined && name !== webhook.name)
    for (const bytes of material) owners.set(bytes, owners.get(bytes) ?? webhook.name)
    if (owner === undefined) return [secret]
    settings.complain({
      name,
      expectation: `a secret of webhook '${webhook.name}' alone: webhook '${owner}' has the same`,
      example: reading.example,
    })
    return []
  }

  return webhooks.map((webhook) => {
    const { authentication } = webhook
    if (authentication.type === 'entra') return { ...webhook, secrets: [] }
    const { secret, nextSecret } = authentication
    return {
      ...webhook,
      secrets: [
        ...read(secret, webhook, 'secret'),
        ...(nextSecret === undefined ? [] : read(nextSecret, webhook, 'nextSecret')),
      ],
    }
  })
}
