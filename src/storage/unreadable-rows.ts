import { excerpt } from '../shared/escape-text.ts'
import type { Log } from '../shared/log.ts'
import { remember } from '../shared/remember.ts'

/** Rows that are remembered as told; beyond it the oldest are told again when they are read again. */
const MAX_TOLD = 1_000
/** Names of columns and keys may be a kibibyte long. */
const MAX_TEXT_CHARS = 512

/** Tells an operator of a row with columns that cannot be read. */
export type TellUnreadable = (
  row: { readonly partitionKey?: unknown; readonly rowKey?: unknown },
  columns: readonly string[],
) => void

/** Once for each row: it is read again and again. */
export function createUnreadableRows(log: Log): TellUnreadable {
  const told = new Map<string, true>()
  return ({ partitionKey, rowKey }, columns) => {
    if (columns.length === 0) return
    const row = `${String(partitionKey)}/${String(rowKey)}`
    if (told.has(row)) return
    remember(told, row, true, MAX_TOLD)
    const detail = `columns of a row cannot be read and count as absent: ${columns.join(', ')}`
    log.warn(
      JSON.stringify({
        event: 'reconnect.storage',
        detail: excerpt(detail, MAX_TEXT_CHARS),
        row: excerpt(row, MAX_TEXT_CHARS),
      }),
    )
  }
}
