import type { Answer, Api } from './api.ts'
import type { Operation, Page } from './api-types.ts'
import { now } from './clock.ts'
import { useLive } from './live.ts'
import { LiveView, Backend } from './parts.tsx'
import { nextPath } from './place.ts'
import { useSession } from './session.ts'
import { STRIP_MS, stripsOf } from './strip.ts'

const EVERY_MS = 60_000
/** At most 1,000 operations are drawn: a storm looks like one in the first hundred. */
const MAX_PAGES = 5
const MAX_STRIPS = 20
const WIDTH = 480
const HEIGHT = 20

interface Day {
  readonly operations: readonly Operation[]
  readonly complete: boolean
}

/** The last 24 hours of every backend, as one line each. */
export function DayStrips({ service }: { readonly service: string | undefined }) {
  const { api } = useSession()
  const live = useLive(`day ${service ?? ''}`, (signal) => loadDay(api, service, signal), EVERY_MS)
  return (
    <section aria-labelledby="day">
      <h2 id="day">The last 24 hours</h2>
      <LiveView live={live}>
        {({ operations, complete }) => {
          const strips = stripsOf(operations, now())
          return (
            <>
              {strips.length === 0 ? <p>No operation.</p> : null}
              <ul class="strips">
                {strips.slice(0, MAX_STRIPS).map(({ backend, marks, text }) => (
                  <li key={backend}>
                    <Backend id={backend} />
                    <svg role="img" aria-label={text} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none">
                      <rect class="base" x={0} y={HEIGHT / 2 - 1} width={WIDTH} height={2} />
                      {marks.map(({ position, tone }) => (
                        <rect
                          key={position}
                          class={tone}
                          x={position * WIDTH}
                          y={tone === 'quiet' ? 6 : 2}
                          width={4}
                          height={tone === 'quiet' ? 8 : 16}
                        />
                      ))}
                    </svg>
                    <small>{text}</small>
                  </li>
                ))}
              </ul>
              {strips.length > MAX_STRIPS ? (
                <p>
                  The {MAX_STRIPS} busiest of {strips.length} backends are shown.
                </p>
              ) : null}
              {complete ? null : <p>There were more operations than are drawn here; the newest are.</p>}
            </>
          )
        }}
      </LiveView>
    </section>
  )
}

async function loadDay(api: Api, service: string | undefined, signal: AbortSignal): Promise<Answer<Day>> {
  const from = new Date(Math.floor((now() - STRIP_MS) / 60_000) * 60_000).toISOString()
  const query = new URLSearchParams({ from, top: '200', ...(service === undefined ? {} : { service }) })
  const operations: Operation[] = []
  let path: string | undefined = `/operations?${query.toString()}`
  for (let page = 0; path !== undefined && page < MAX_PAGES; page += 1) {
    const answer: Answer<Page<Operation>> = await api.get<Page<Operation>>(path, signal)
    if (!answer.ok) return answer
    operations.push(...answer.value.value)
    path = nextPath(answer.value.nextLink, '/operations')
  }
  return { ok: true, value: { operations, complete: path === undefined }, headers: new Headers() }
}
