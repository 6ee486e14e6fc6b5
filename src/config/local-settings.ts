import { err, ok, type Result } from '../shared/result.ts'
import type { ConfigProblem } from './config.ts'
import type { Environment } from './settings.ts'

const EXAMPLE = '{"IsEncrypted":false,"Values":{"RECONNECT_MODE":"dry-run"}}'

/** The `Values` of a local.settings.json, which Functions Core Tools make environment variables of. */
export function parseLocalSettings(text: string): Result<Environment, ConfigProblem> {
  const problem = (expectation: string) => err({ name: 'local.settings.json', expectation, example: EXAMPLE })
  let document: unknown
  try {
    document = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    // The parser's message would quote the text, and this file is where people keep secrets.
    return problem('plain JSON')
  }
  if (!isObject(document)) return problem('a JSON object with Values')
  if (document['IsEncrypted'] === true) return problem('settings that are not encrypted (func settings decrypt)')
  const values = document['Values'] ?? {}
  if (!isObject(values) || !Object.values(values).every((value) => typeof value === 'string'))
    return problem('Values as an object of texts')
  return ok(values as Environment)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
