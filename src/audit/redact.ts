import { escapeUnsafe } from '../shared/escape-text.ts'

/** A log line is read by people and paid for by the byte. */
const MAX_TEXT_CHARS = 512

/** Makes a value from outside safe for a log: at most `maxChars` UTF-16 code units of it, then `…` if it was longer, and unsafe characters escaped. */
export function printable(text: string, maxChars = MAX_TEXT_CHARS): string {
  return escapeUnsafe(text.length > maxChars ? `${text.slice(0, maxChars)}…` : text)
}
