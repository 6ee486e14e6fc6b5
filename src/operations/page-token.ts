import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { member, parseJson } from '../shared/json.ts'
import type { AppStore } from '../storage/store.ts'

/** Where the next page begins: behind this row of this partition. */
export interface Position {
  readonly partition: string
  readonly after: string | undefined
}

/**
 * Positions as opaque texts. A row key tells the time of an operation which the reader may not see, so a position is encrypted (AES-256-GCM)
 * with a key that the instances share through storage.
 */
export interface PageTokens {
  seal(position: Position): Promise<string>
  /** Undefined for what was not sealed by this app. */
  open(token: string): Promise<Position | undefined>
}

const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16
const MAX_TOKEN_CHARS = 512
/** As `keys.ts` writes them: a partition, and a row in it. */
const PARTITION = /^(?:[0-9a-f]{32}|[0-9]{4}-[0-9]{2}|list-[a-z]{1,16})$/
const ROW = /^(?:(?:op-)?[0-9a-f]{12}-[0-9a-f]{16,32}|[0-9a-f-]{36}(?:![0-9a-z._-]{1,64}){3})$/

export function createPageTokens(store: Pick<AppStore, 'sharedSecret'>): PageTokens {
  let known: Buffer | undefined
  /** A failed read is not remembered: the next page tries again. */
  const key = async (): Promise<Buffer> => (known ??= await store.sharedSecret('page-token', randomBytes(KEY_BYTES)))

  return {
    async seal({ partition, after }) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', await key(), iv)
      const text = JSON.stringify({ partition, after })
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
    },

    async open(token) {
      if (token.length > MAX_TOKEN_CHARS) return undefined
      const bytes = Buffer.from(token, 'base64url')
      if (bytes.length <= IV_BYTES + TAG_BYTES) return undefined
      const position = parseJson(decrypt(await key(), bytes) ?? '')
      const partition = member(position, 'partition')
      const after = member(position, 'after')
      if (typeof partition !== 'string' || !PARTITION.test(partition)) return undefined
      if (after === undefined) return { partition, after }
      return typeof after === 'string' && ROW.test(after) ? { partition, after } : undefined
    },
  }
}

function decrypt(key: Buffer, bytes: Buffer): string | undefined {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES))
    decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
    const text = decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    // Another key, or a text that was changed.
    return undefined
  }
}
