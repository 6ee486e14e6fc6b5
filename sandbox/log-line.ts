import type { LogRecord } from './host/core-types.ts'

const LABELS: Readonly<Record<LogRecord['level'], string>> = {
  trace: 'trc',
  debug: 'dbg',
  information: 'inf',
  warning: 'WRN',
  error: 'ERR',
  critical: 'CRT',
  none: '   ',
}

/** One line per record for a terminal; undefined for the debugging of the worker. Structured messages are written as `name=value`. */
export function toLogLine(record: LogRecord, atEpochMs: number): string | undefined {
  if (isDebugging(record)) return undefined
  const source = record.functionName ?? record.logger
  const time = new Date(atEpochMs).toISOString().slice(11, 23)
  return `${time} ${LABELS[record.level]} ${source === undefined ? '' : `[${source}] `}${readable(record.message)}\n`
}

/** The same as one JSON object per line, for programs. `message` is as the app wrote it. */
export function toJsonLine(record: LogRecord, atEpochMs: number): string | undefined {
  return isDebugging(record) ? undefined : `${JSON.stringify({ time: new Date(atEpochMs).toISOString(), ...record })}\n`
}

/** What the app prints instead of logging it, in the form of `toJsonLine`. */
export function toJsonOutput(text: string, atEpochMs: number): string {
  const time = new Date(atEpochMs).toISOString()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((message) => `${JSON.stringify({ time, level: 'information', category: 'output', message })}\n`)
    .join('')
}

function isDebugging({ category, level }: LogRecord): boolean {
  return category === 'system' && (level === 'debug' || level === 'trace')
}

function readable(message: string): string {
  const members = message.startsWith('{') ? parseObject(message) : undefined
  if (members === undefined) return message
  const { event, ...rest } = members
  return [...(typeof event === 'string' ? [event] : []), ...pairs(rest, '')].join(' ')
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

/** Members of members as `caller.id=…`; values with spaces in quotes. */
function pairs(members: object, prefix: string): string[] {
  return Object.entries(members).flatMap(([name, value]: [string, unknown]) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return pairs(value, `${prefix}${name}.`)
    const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
    return [`${prefix}${name}=${text}`]
  })
}
