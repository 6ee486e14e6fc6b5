/** A JSON object. Read it with {@link member}: a plain index also finds `constructor` and other members of the prototype. */
export type JsonObject = Readonly<Record<string, unknown>>

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Parses JSON text, or JSON in UTF-8. One byte order mark at the start is ignored (RFC 8259, section 8.1).
 * Returns undefined, which is no JSON value, if it is not UTF-8 or not JSON. Never throws and never repeats the text, which may be secret.
 * NOT checked: duplicate member names (the last one wins) and depth of nesting.
 */
export function parseJson(source: string | Uint8Array): unknown {
  try {
    const text = typeof source === 'string' ? source : UTF_8.decode(source)
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text)
  } catch {
    return undefined
  }
}

/** The value itself if it is a JSON object, not an array and not null. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined
}

/** The object's own member of this name. Undefined if `value` is no object or has no such member. */
export function member(value: unknown, name: string): unknown {
  const object = asObject(value)
  return object !== undefined && Object.hasOwn(object, name) ? object[name] : undefined
}

/** The object's own members in their order; none if `value` is no object. */
export function entriesOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(asObject(value) ?? {})
}

/** The elements of an array; none if `value` is no array. */
export function elementsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : []
}
