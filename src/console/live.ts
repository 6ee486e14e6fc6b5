import { useEffect, useRef, useState } from 'preact/hooks'
import type { Answer } from './api.ts'
import { now } from './clock.ts'
import type { Problem } from './problem.ts'

/** What a view shows, and how fresh it is. Data stays when an update fails: it is then marked as old. */
export interface Live<T> {
  readonly data?: T
  readonly problem?: Problem
  readonly updatedAtEpochMs?: number
  /** How often it is updated. 0: never by itself. */
  readonly everyMs: number
  readonly reload: () => void
}

/** A failing app is not asked more often than this, whatever its `Retry-After`. */
const MIN_RETRY_MS = 5_000
const MAX_RETRY_MS = 60_000

/**
 * Loads at once, whenever `key` changes, and then every `everyMs` while the page is visible. One request at a time: the next wait begins when
 * the answer is there. An answer for another `key` is dropped. `everyMs` may depend on what was loaded; 0 ends the updates.
 */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<Answer<T>>,
  everyMs: number | ((data: T) => number),
): Live<T> {
  const [state, setState] = useState<{ key: string; data?: T; problem?: Problem; updatedAtEpochMs?: number }>({ key })
  const [turn, setTurn] = useState(0)
  const loading = useRef(load)
  loading.current = load
  const wait = useRef(everyMs)
  wait.current = everyMs

  useEffect(() => {
    const ended = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    async function update(): Promise<void> {
      const answer = await loading.current(ended.signal)
      if (ended.signal.aborted) return
      if (answer.ok) setState({ key, data: answer.value, updatedAtEpochMs: now() })
      else setState((last) => ({ ...(last.key === key ? last : { key }), problem: answer.problem }))
      const { kind, retryAfterSeconds = 0 } = answer.ok ? { kind: undefined } : answer.problem
      if (kind === 'signed-out') return
      const regular = answer.ok ? period(wait.current, answer.value) : MIN_RETRY_MS
      if (regular > 0) next(answer.ok ? regular : Math.min(Math.max(retryAfterSeconds * 1_000, regular), MAX_RETRY_MS))
    }
    function next(delayMs: number): void {
      timer = setTimeout(() => {
        if (document.hidden)
          document.addEventListener('visibilitychange', () => next(0), { once: true, signal: ended.signal })
        else void update()
      }, delayMs)
    }
    void update()
    return () => {
      ended.abort()
      clearTimeout(timer)
    }
  }, [key, turn])

  const shown = state.key === key ? state : { key }
  const { data, problem, updatedAtEpochMs } = shown
  return {
    ...(data === undefined ? {} : { data }),
    ...(problem === undefined ? {} : { problem }),
    ...(updatedAtEpochMs === undefined ? {} : { updatedAtEpochMs }),
    everyMs: data === undefined ? 0 : period(everyMs, data),
    reload: () => setTurn((count) => count + 1),
  }
}

function period<T>(everyMs: number | ((data: T) => number), data: T): number {
  return typeof everyMs === 'number' ? everyMs : everyMs(data)
}

/** The time, once a second: for countdowns. */
export function useNow(): number {
  const [time, setTime] = useState(now())
  useEffect(() => {
    const timer = setInterval(() => setTime(now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  return time
}
