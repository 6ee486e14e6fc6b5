import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { err, ok, type Result } from '../shared/result.ts'
import type { Config, ConfigProblem, Mode } from './config.ts'
import { parseLocalSettings } from './local-settings.ts'
import { readConfig } from './read-config.ts'
import { readMode, readPolicy, type PolicySource } from './read-policy.ts'
import { createSettings } from './settings.ts'

/** Reads the process's environment and files: the only reader of process.env. */
export function loadConfig(): Result<Config, readonly ConfigProblem[]> {
  return readConfig(process.env, readTextFile, { appRoot: appRoot() })
}

export interface PolicySettings extends PolicySource {
  readonly mode: Mode
}

/**
 * Mode and policy alone, for a look at what is allowed without the rest being set up. Reads local.settings.json beside host.json as
 * Functions Core Tools do; the environment wins. `policyFile` (from the working folder) replaces both policy settings.
 */
export function loadPolicySettings(policyFile?: string): Result<PolicySettings, readonly ConfigProblem[]> {
  const root = appRoot()
  const local = readLocalSettings(join(root, 'local.settings.json'))
  if (!local.ok) return err([local.error])
  const file =
    policyFile === undefined ? {} : { RECONNECT_POLICY: undefined, RECONNECT_POLICY_FILE: resolve(policyFile) }
  const settings = createSettings({ ...local.value, ...process.env, ...file })
  const mode = readMode(settings)
  const source = readPolicy(settings, readTextFile, root)
  return settings.problems.length > 0 || source === undefined ? err(settings.problems) : ok({ ...source, mode })
}

function readLocalSettings(path: string): ReturnType<typeof parseLocalSettings> {
  try {
    return parseLocalSettings(readTextFile(path) ?? '{}')
  } catch {
    return err({ name: 'local.settings.json', expectation: 'a file that this process may read', example: path })
  }
}

/**
 * The nearest folder with a host.json above the bundle, else above the working folder, else the working folder. The sources are
 * modules and have no `__dirname`: they are run from the app root, by npm scripts.
 */
function appRoot(): string {
  const bundle = typeof __dirname === 'string' ? folderWithHostJson(__dirname) : undefined
  return bundle ?? folderWithHostJson(process.cwd()) ?? process.cwd()
}

function folderWithHostJson(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder
    if (folder === dirname(folder)) return undefined
  }
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw cause
  }
}
