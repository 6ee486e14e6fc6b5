import { resolve } from 'node:path'
import { parsePolicy, type PolicyDocument } from '../policy/policy-document.ts'
import type { Mode } from './config.ts'
import type { Reading, Settings } from './settings.ts'

/** The text of a file, or undefined if there is none; throws when it is there and cannot be read. */
export type ReadFile = (path: string) => string | undefined

export interface PolicySource {
  readonly policy: PolicyDocument
  /** The setting or file by which problems in the document are named. */
  readonly setting: string
  /** Where it came from, for people: a setting's name, a path, or undefined when there is no policy. */
  readonly source: string | undefined
}

const MODE: Reading<Mode> = {
  parse: (text) => (text === 'on' || text === 'dry-run' || text === 'off' ? text : undefined),
  expectation: "'on', 'dry-run' or 'off'",
  example: 'on',
}
const DOCUMENT =
  '{"grants":[{"principal":"role:Reconnect.Operator","scope":"/subscriptions/11111111-2222-3333-4444-555555555555"}]}'
const DEFAULT_FILE = 'policy.json'

export function readMode(settings: Settings): Mode {
  return settings.optional('RECONNECT_MODE', MODE) ?? 'on'
}

/**
 * The policy document inline, from the named file, or from policy.json at the app root. With none of them nothing is allowed. A
 * named file that is not there, and a file that cannot be read, are problems and never "no policy".
 */
export function readPolicy(settings: Settings, readFile: ReadFile, appRoot: string): PolicySource | undefined {
  const inline = settings.optional('RECONNECT_POLICY', {
    parse: (text) => text,
    expectation: 'the policy document',
    example: DOCUMENT,
  })
  const path = settings.optional('RECONNECT_POLICY_FILE', {
    parse: (text) => text,
    expectation: 'the path of the policy document',
    example: DEFAULT_FILE,
  })
  if (settings.isSet('RECONNECT_POLICY') && settings.isSet('RECONNECT_POLICY_FILE')) {
    const expectation = 'one source of the policy: RECONNECT_POLICY_FILE is set as well'
    settings.complain({ name: 'RECONNECT_POLICY', expectation, example: 'RECONNECT_POLICY removed' })
    return undefined
  }
  if (inline !== undefined) return parse('RECONNECT_POLICY', inline, 'RECONNECT_POLICY', settings)
  if (settings.isSet('RECONNECT_POLICY') || (path === undefined && settings.isSet('RECONNECT_POLICY_FILE')))
    return undefined
  return readFromFile(path, settings, readFile, appRoot)
}

function readFromFile(
  path: string | undefined,
  settings: Settings,
  readFile: ReadFile,
  appRoot: string,
): PolicySource | undefined {
  const name = path === undefined ? DEFAULT_FILE : 'RECONNECT_POLICY_FILE'
  const source = resolve(appRoot, path ?? DEFAULT_FILE)
  let text: string | undefined
  try {
    text = readFile(source)
  } catch {
    // Which error it was depends on the platform, and its message carries the path, which may be secret.
    settings.complain({ name, expectation: 'a file that this process may read', example: DEFAULT_FILE })
    return undefined
  }
  if (text !== undefined) return parse(name, text, source, settings)
  if (path === undefined) return parse(name, '{}', undefined, settings)
  settings.complain({ name, expectation: 'the path of a file that exists', example: DEFAULT_FILE })
  return undefined
}

function parse(name: string, text: string, source: string | undefined, settings: Settings): PolicySource | undefined {
  const policy = parsePolicy(text)
  if (policy.ok) return { policy: policy.value, setting: name, source }
  for (const { path, expectation, example } of policy.error)
    settings.complain({ name: `${name} ${path}`.trim(), expectation, example })
  return undefined
}
