import type { LogLevel, LogRecord } from './core-types.ts'

/** `logging.logLevel` of host.json: the least level that is logged, per category prefix, in lower case, the longest prefix first. */
export type LogLevels = ReadonlyMap<string, LogLevel>

const ORDER: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none']
/** Of the host, where host.json says nothing. */
const DEFAULT_LEVEL: LogLevel = 'information'

/** An unknown level is an error, as in the host. */
export function readLogLevels(logLevel: Readonly<Record<string, unknown>>): LogLevels {
  const levels = Object.entries(logLevel).map(([category, value]) => {
    const level = ORDER.find((name) => name === String(value).toLowerCase())
    if (level === undefined) throw new Error(`host.json: logging.logLevel.${category} is one of ${ORDER.join(', ')}`)
    return [category.toLowerCase(), level] as const
  })
  return new Map(levels.toSorted(([left], [right]) => right.length - left.length))
}

/**
 * Whether the host would log the record: the longest prefix of its category decides, without regard to case (LoggerRuleSelector of
 * Microsoft.Extensions.Logging). Records without a category are the local host's own and are always logged.
 */
export function isLogged(levels: LogLevels, record: LogRecord): boolean {
  const category = categoryOf(record)?.toLowerCase()
  if (category === undefined) return true
  const longest = [...levels.keys()].find((prefix) => category.startsWith(prefix))
  const least = levels.get(longest ?? 'default') ?? DEFAULT_LEVEL
  return record.level !== 'none' && ORDER.indexOf(record.level) >= ORDER.indexOf(least)
}

function categoryOf({ logger, functionName, category }: LogRecord): string | undefined {
  if (logger !== undefined) return logger
  if (functionName === undefined) return undefined
  return category === 'user' ? `Function.${functionName}.User` : `Function.${functionName}`
}
