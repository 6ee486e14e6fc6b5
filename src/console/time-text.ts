const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

const TIME: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }

/** Local time of day; with the day where it is not the day of `nowEpochMs`. Text that is no time is shown unchanged. */
export function clockTime(rfc3339: string, nowEpochMs: number, seconds = false): string {
  const at = new Date(rfc3339)
  if (Number.isNaN(at.getTime())) return rfc3339
  const isToday = at.toDateString() === new Date(nowEpochMs).toDateString()
  return at.toLocaleString('en-GB', {
    ...TIME,
    ...(seconds ? { second: '2-digit' } : {}),
    ...(isToday ? {} : { day: 'numeric', month: 'short' }),
  })
}

/** `0:42`, `1:05`, `2:00:10`: for countdowns. Never negative. */
export function countdown(ms: number): string {
  const total = Math.max(0, Math.ceil(ms / SECOND))
  const two = (value: number): string => String(value).padStart(2, '0')
  const hours = Math.floor(total / 3_600)
  const minutes = Math.floor((total % 3_600) / 60)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`
}

/** `12 s`, `5 min`, `2 h 10 min`, `3 days`: how long something takes or is ago. */
export function spanText(ms: number): string {
  if (ms < 90 * SECOND) return `${Math.max(0, Math.round(ms / SECOND))} s`
  if (ms < 90 * MINUTE) return `${Math.round(ms / MINUTE)} min`
  if (ms < 48 * HOUR) {
    const minutes = Math.round((ms % HOUR) / MINUTE)
    return `${Math.floor(ms / HOUR)} h${minutes > 0 && minutes < 60 ? ` ${minutes} min` : ''}`
  }
  return `${Math.round(ms / (24 * HOUR))} days`
}
