import { MAX_ID_CHARS } from './alert.ts'

/**
 * Longer names are no attributes; the prefix counts. JavaScript engines hash long texts by their length alone, so that thousands of long
 * names would make a map slow enough to stop the process for minutes.
 */
const MAX_NAME_CHARS = 256

/** What can be the value of an attribute: a text, or the text of a number or a boolean. An empty text counts as absent. */
export function toText(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** An id of the sender or the name of a rule, for the record: at most {@link MAX_ID_CHARS} characters. */
export function toShortText(value: unknown): string | undefined {
  return toText(value)?.slice(0, MAX_ID_CHARS)
}

/** Adds `prefix + name` → value for every value that has a text. A name that is already there keeps its value. */
export function addMissing(
  attributes: Map<string, string>,
  entries: Iterable<readonly [name: string, value: unknown]>,
  prefix = '',
): void {
  for (const [name, value] of entries) {
    if (prefix.length + name.length > MAX_NAME_CHARS) continue
    const text = toText(value)
    if (text !== undefined && !attributes.has(prefix + name)) attributes.set(prefix + name, text)
  }
}
