import type { Answer, Api } from './api.ts'
import type { BackendStatus, Operation, Page, Pause } from './api-types.ts'
import { now } from './clock.ts'
import { goingOn, type BackendNow } from './going-on.ts'
import { useLive } from './live.ts'
import { askedBy, agoText } from './operation-text.ts'
import { At, Backend, LiveView, OperationStatus } from './parts.tsx'
import { toHash } from './place.ts'
import { useSession } from './session.ts'

const EVERY_MS = 10_000
/** Longer than a delay of two minutes and the longest wait for a verdict (45 min). */
const LOOK_BACK_MS = 2 * 3_600_000

interface Now {
  readonly operations: readonly Operation[]
  readonly backends: readonly BackendStatus[]
  readonly pauses: readonly Pause[]
}

export function NowView() {
  const { api } = useSession()
  const live = useLive('now', (signal) => loadNow(api, signal), EVERY_MS)
  return (
    <LiveView live={live}>
      {({ operations, backends, pauses }) => {
        const cards = goingOn(operations, backends, now())
        return (
          <>
            {pauses.length === 0 ? null : (
              <section aria-labelledby="paused" class="note">
                <h2 id="paused">Alerts are paused</h2>
                <ul>
                  {pauses.map((pause) => (
                    <li key={pause.id}>
                      {pause.scope}
                      {pause.webhook === undefined ? '' : `, webhook ${pause.webhook}`}: until <At time={pause.until} />
                      , because {pause.reason}
                    </li>
                  ))}
                </ul>
                <a href={toHash('pauses')}>All pauses</a>
              </section>
            )}
            {cards.length === 0 ? (
              <p>
                Nothing is going on. <a href={toHash('history')}>See the history</a>, or{' '}
                <a href={toHash('reconnect')}>reconnect a backend</a>.
              </p>
            ) : (
              <ul class="cards">
                {cards.map((card) => (
                  <Card key={card.id} card={card} />
                ))}
              </ul>
            )}
          </>
        )
      }}
    </LiveView>
  )
}

function Card({ card }: { readonly card: BackendNow }) {
  return (
    <li class="card">
      <h2>
        <Backend id={card.id} />
      </h2>
      {card.paused === undefined ? null : (
        <p>
          Alerts are paused until <At time={card.paused.until} />: {card.paused.reason}
        </p>
      )}
      {card.scheduled === undefined ? null : (
        <p>
          A reconnect is due at <At time={card.scheduled.due} />.{' '}
          <a href={toHash('operation', {}, card.scheduled.operation)}>Details</a>
        </p>
      )}
      <ul>
        {card.operations.map((operation) => (
          <li key={operation.id}>
            <OperationStatus operation={operation} />
            <small>
              Asked for {agoText(operation.requestedAt, now())} by {askedBy(operation)}
              {operation.attempts > 1 ? `, ${operation.attempts} attempts` : ''}.{' '}
              <a
                href={toHash('operation', {}, operation.id)}
                aria-label={`Details of the operation for ${card.id.split('/').at(-1)}, asked for at ${operation.requestedAt}`}
              >
                Details
              </a>
            </small>
          </li>
        ))}
      </ul>
      {card.joined === 0 ? null : <p>{card.joined} more requests joined in the last ten minutes.</p>}
    </li>
  )
}

/** What this version of the app does not offer is left out; any other failure is shown. */
async function loadNow(api: Api, signal: AbortSignal): Promise<Answer<Now>> {
  // Whole minutes: the address of the request changes no faster.
  const from = new Date(Math.floor((now() - LOOK_BACK_MS) / 60_000) * 60_000).toISOString()
  const [recent, waiting, backends, pauses] = await Promise.all([
    api.get<Page<Operation>>(`/operations?from=${encodeURIComponent(from)}&top=200`, signal),
    api.get<Page<Operation>>('/operations?state=accepted&top=100', signal),
    optional(api.get<Page<BackendStatus>>('/backends', signal)),
    optional(api.get<Page<Pause>>('/pauses', signal)),
  ])
  if (!recent.ok) return recent
  if (!waiting.ok) return waiting
  if (!backends.ok) return backends
  if (!pauses.ok) return pauses
  return {
    ok: true,
    headers: recent.headers,
    value: {
      operations: [...recent.value.value, ...waiting.value.value],
      backends: backends.value.value,
      pauses: pauses.value.value,
    },
  }
}

export async function optional<T>(asked: Promise<Answer<Page<T>>>): Promise<Answer<Page<T>>> {
  const answer = await asked
  return !answer.ok && answer.problem.kind === 'not-available'
    ? { ok: true, value: { value: [] }, headers: new Headers() }
    : answer
}
