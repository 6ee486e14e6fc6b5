/** A JSON object without prototype: `__proto__` and `constructor` in it are members like any other, and absent is absent. */
export type Members = ReadonlyMap<string, unknown>

/**
 * The bytes that `text` encodes, or undefined unless it is their canonical encoding. The decoders of Node and jose ignore white space, padding
 * and changed trailing bits, so that many strings would be one token.
 */
export function decodeCanonical(text: string, encoding: 'base64' | 'base64url'): Buffer | undefined {
  const bytes = Buffer.from(text, encoding)
  return bytes.toString(encoding) === text ? bytes : undefined
}

/** Undefined unless the bytes are UTF-8 (no byte order mark) and a JSON object. */
export function parseMembers(bytes: Uint8Array): Members | undefined {
  try {
    const parsed: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return toMembers(parsed)
  } catch {
    // Not UTF-8 or not JSON. The error's message would quote the credential.
    return undefined
  }
}

/** Undefined unless `value` is an object and not an array. */
export function toMembers(value: unknown): Members | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? new Map(Object.entries(value))
    : undefined
}
