import { isUtf8 } from 'node:buffer'
import type { DequeuedMessageItem } from '@azure/storage-queue'
import type { TypedData } from './core-types.ts'

/**
 * How far a message can be read (QueueServiceClientProvider of the storage extension, and the string binding).
 * `not-base64`: the SDK cannot decode it, so that no function is given it, in the poison queue neither.
 * `not-utf8`: decoded, but binding it to text fails, as a function fails.
 */
export type MessageText =
  { readonly kind: 'text'; readonly text: string } | { readonly kind: 'not-base64' } | { readonly kind: 'not-utf8' }

export function decodeMessage(messageText: string): MessageText {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(messageText))
    return { kind: 'not-base64' }
  const bytes = Buffer.from(messageText, 'base64')
  return isUtf8(bytes) ? { kind: 'text', text: bytes.toString('utf8') } : { kind: 'not-utf8' }
}

/**
 * The trigger's metadata: the message's own, and the members of its JSON. A member replaces metadata of the same name, without regard to
 * case, so that none of it can be trusted (seen at the real host).
 */
export function toMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = {
    QueueTrigger: { string: text },
    DequeueCount: { json: String(message.dequeueCount) },
    Id: { string: message.messageId },
    InsertionTime: { json: JSON.stringify(message.insertedOn) },
    ExpirationTime: { json: JSON.stringify(message.expiresOn) },
    NextVisibleTime: { json: JSON.stringify(message.nextVisibleOn) },
    PopReceipt: { string: message.popReceipt },
  }
  const spellings = new Map(Object.keys(metadata).map((name) => [name.toLowerCase(), name]))
  for (const [name, value] of membersOf(text))
    metadata[spellings.get(name.toLowerCase()) ?? name] = { json: JSON.stringify(value) }
  return metadata
}

function membersOf(text: string): [string, unknown][] {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? Object.entries(parsed) : []
  } catch {
    return []
  }
}
