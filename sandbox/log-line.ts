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

/** One line per record for a terminal; undefined for what only a debugger of the worker would want. */
export function toLogLine(record: LogRecord, atEpochMs: number): string | undefined {
  if (record.category === 'system' && (record.level === 'debug' || record.level === 'trace')) return undefined
  const time = new Date(atEpochMs).toISOString().slice(11, 23)
  return `${time} ${LABELS[record.level]} ${record.functionName === undefined ? '' : `[${record.functionName}] `}${record.message}\n`
}
