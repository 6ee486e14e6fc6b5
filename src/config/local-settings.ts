import { asObject, member, parseJson } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { ConfigProblem } from './config.ts'
import type { Environment } from './settings.ts'

const EXAMPLE = '{"IsEncrypted":false,"Values":{"RECONNECT_MODE":"dry-run"}}'

/**
 * Reads `Values` of a local.settings.json, which Functions Core Tools turn into environment variables.
 * A problem does not quote the file: people keep secrets in it.
 */
export function parseLocalSettings(text: string): Result<Environment, ConfigProblem> {
  const problem = (expectation: string) => err({ name: 'local.settings.json', expectation, example: EXAMPLE })
  const document = parseJson(text)
  if (document === undefined) return problem('plain JSON')
  if (asObject(document) === undefined) return problem('a JSON object with Values')
  if (member(document, 'IsEncrypted') === true)
    return problem('settings that are not encrypted (func settings decrypt)')
  const values = asObject(member(document, 'Values') ?? {})
  if (values === undefined || !Object.values(values).every((value) => typeof value === 'string'))
    return problem('Values as an object of texts')
  return ok(values as Environment)
}
