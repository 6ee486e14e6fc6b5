import { MAX_ID_CHARS } from './alert.ts'

/** A JSON object as something that may hold anything under any name. */
export type Members = Readonly<Record<string, unknown>>

export function members(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : undefined
}

export function member(value: unknown, name: string): unknown {
  return members(value)?.[name]
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}

/** What can be an attribute: a text, or a number or truth value as its text. Empty is absent. */
export function scalar(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

/** A sender's id or a rule's name, for the record. */
export function shortText(value: unknown): string | undefined {
  return scalar(value)?.slice(0, MAX_ID_CHARS)
}

/** Longer names are no attributes. Engines hash long texts by their length alone: thousands that begin alike would stop the process for minutes. */
const MAX_NAME_CHARS = 256

/** Names that are not there yet, each with its value: who comes first stays. */
export function addMissing(
  attributes: Map<string, string>,
  entries: Iterable<readonly [string, unknown]>,
  prefix = '',
): void {
  for (const [name, value] of entries) {
    if (prefix.length + name.length > MAX_NAME_CHARS) continue
    const text = scalar(value)
    if (text !== undefined && !attributes.has(prefix + name)) attributes.set(prefix + name, text)
  }
}

export function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(members(value) ?? {})
}
