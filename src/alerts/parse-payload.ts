import { err, ok, type Result } from '../shared/result.ts'
import type { PayloadFault } from './alert.ts'

/** No sender nests deeper than ten; what is nested thousands deep parses and then breaks whoever serializes it. */
const MAX_DEPTH = 64
const JSON_TEXT: PayloadFault = { kind: 'malformed', expectation: `JSON in UTF-8, nested ${MAX_DEPTH} deep at most` }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPENING: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSING: ReadonlySet<number> = new Set([0x5d, 0x7d])

/**
 * Reads a payload whose sender is believed. Depth is bounded by one look at the bytes before anything is built of them: a megabyte of brackets
 * costs milliseconds. What is wrong is not repeated.
 *
 * NOT checked: whether two members of an object have the same name (the last one wins, as for every JSON.parse). `__proto__` is a member like
 * any other: nothing here is assigned from one object to another.
 */
export function parsePayload(bytes: Uint8Array): Result<unknown, PayloadFault> {
  if (isDeeperThan(MAX_DEPTH, bytes)) return err(JSON_TEXT)
  try {
    // Without `ignoreBOM` the decoder takes one byte order mark away.
    return ok(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)))
  } catch {
    return err(JSON_TEXT)
  }
}

/** Brackets outside strings; in UTF-8 no byte of another character looks like one. */
function isDeeperThan(limit: number, bytes: Uint8Array): boolean {
  let depth = 0
  let isString = false
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number
    if (isString) {
      if (byte === BACKSLASH) at += 1
      else if (byte === QUOTE) isString = false
    } else if (byte === QUOTE) isString = true
    else if (OPENING.has(byte)) {
      depth += 1
      if (depth > limit) return true
    } else if (CLOSING.has(byte)) depth -= 1
  }
  return false
}
