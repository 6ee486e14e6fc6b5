import type { ConfigProblem } from './config.ts'

/** App settings as the platform provides them. */
export type Environment = Readonly<Record<string, string | undefined>>

/** How one setting is read: its text becomes a value, or undefined when it is not what is expected. */
export interface Reading<T> {
  readonly parse: (text: string) => T | undefined
  readonly expectation: string
  readonly example: string
}

/** App settings, and every problem found in them so far. */
export interface Settings {
  /** Undefined when the setting is not there, or when it is a problem. */
  optional<T>(name: string, reading: Reading<T>): T | undefined
  /** As `optional`; not being there is a problem too. */
  required<T>(name: string, reading: Reading<T>): T | undefined
  isSet(name: string): boolean
  complain(problem: ConfigProblem): void
  readonly problems: readonly ConfigProblem[]
}

/**
 * The platform leaves the reference itself in the setting when it could not be resolved (App Service, Key Vault and App Configuration
 * references). Used as a value it would be a secret that can be guessed from the documentation.
 */
const UNRESOLVED = /^@microsoft\.(?:keyvault|appconfiguration)\(/i

/** Empty or blank means unset. Blanks around a value are removed. */
export function createSettings(env: Environment): Settings {
  const problems: ConfigProblem[] = []
  const textOf = (name: string): string | undefined => env[name]?.trim() || undefined
  function optional<T>(name: string, { parse, expectation, example }: Reading<T>): T | undefined {
    const text = textOf(name)
    if (text === undefined) return undefined
    if (UNRESOLVED.test(text)) {
      problems.push({
        name,
        expectation: `${expectation}; it is a reference that the platform could not resolve (vault, name, or the identity's access to it)`,
        example,
      })
      return undefined
    }
    const value = parse(text)
    if (value === undefined) problems.push({ name, expectation, example })
    return value
  }
  return {
    optional,
    required(name, reading) {
      if (textOf(name) === undefined)
        problems.push({ name, expectation: `${reading.expectation}; it is not set`, example: reading.example })
      return optional(name, reading)
    },
    isSet: (name) => textOf(name) !== undefined,
    complain: (problem) => void problems.push(problem),
    problems,
  }
}

/** The parts of a comma-separated list, each once; undefined unless there is at least one and all are valid. */
export function parseList(text: string, isValid: (part: string) => boolean): readonly string[] | undefined {
  const parts = [
    ...new Set(
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    ),
  ]
  return parts.length > 0 && parts.every(isValid) ? parts : undefined
}
