import { useState } from 'preact/hooks'
import type { Answer, Api } from './api.ts'
import type { BackendStatus, Grants, Page } from './api-types.ts'
import { useLive } from './live.ts'
import { At, Backend, Field, LiveView, StatusLine, textOf } from './parts.tsx'
import { nextPath, toHash } from './place.ts'
import { statusOf } from './operation-text.ts'
import { now } from './clock.ts'
import { ReconnectForm } from './reconnect-form.tsx'
import { useSession } from './session.ts'

const EVERY_MS = 30_000
/** Pages of /backends that are read: more backends than that are found by their resource id. */
const MAX_PAGES = 20
const MAX_SHOWN = 50

export function ReconnectView({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { api } = useSession()
  const live = useLive('backends', (signal) => loadBackends(api, signal), EVERY_MS)
  const chosen = query['backend']
  if (chosen !== undefined) {
    const known = live.data?.find(({ id }) => id.toLowerCase() === chosen.toLowerCase())
    return <ReconnectForm key={chosen} backend={chosen} actions={known?.actions} />
  }
  return <LiveView live={live}>{(backends) => <Choice backends={backends} search={query['search'] ?? ''} />}</LiveView>
}

function Choice({ backends, search }: { readonly backends: readonly BackendStatus[]; readonly search: string }) {
  const [text, setText] = useState(search)
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const found = backends.filter(({ id }) => words.every((word) => id.toLowerCase().includes(word)))
  const show = found.slice(0, MAX_SHOWN)
  return (
    <>
      {backends.length === 0 ? (
        <p>No backend is known that you may reconnect. If you know its resource id, enter it below.</p>
      ) : (
        <>
          <Field label="Search">
            <input
              type="search"
              value={text}
              onInput={({ currentTarget }) => {
                setText(currentTarget.value)
                history.replaceState(null, '', toHash('reconnect', { search: currentTarget.value }))
              }}
            />
          </Field>
          <p role="status">
            {found.length} of {backends.length} backends
            {found.length > MAX_SHOWN ? `; the first ${MAX_SHOWN} are shown` : ''}.
          </p>
          <ul class="cards">
            {show.map((backend) => (
              <li key={backend.id} class="card">
                <h2>
                  <Backend id={backend.id} />
                </h2>
                <State backend={backend} />
                {backend.actions.includes('reconnect') ? (
                  <a
                    class="button"
                    href={toHash('reconnect', { backend: backend.id })}
                    aria-label={`Reconnect ${backend.id.split('/').at(-1)}`}
                  >
                    Reconnect…
                  </a>
                ) : (
                  <p>You may not reconnect it.</p>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault()
          location.hash = toHash('reconnect', { backend: textOf(event.currentTarget, 'id') })
        }}
      >
        <Field
          label="Resource id of a backend"
          hint="/subscriptions/…/providers/Microsoft.ApiManagement/service/…/backends/…"
        >
          <input name="id" required maxLength={512} autocomplete="off" spellcheck={false} />
        </Field>
        <button type="submit">Choose</button>
      </form>
    </>
  )
}

function State({ backend: { scheduled, inFlight, paused, last } }: { readonly backend: BackendStatus }) {
  return (
    <>
      {inFlight === undefined ? null : <p>A request waits for Azure at this moment.</p>}
      {scheduled === undefined ? null : (
        <p>
          A reconnect is due at <At time={scheduled.due} />.
        </p>
      )}
      {paused === undefined ? null : (
        <p>
          Alerts are paused until <At time={paused.until} />.
        </p>
      )}
      {last === undefined ? null : <StatusLine status={statusOf(last, now())} />}
    </>
  )
}

/** Follows nextLinks. Where the app has no /backends, the grants that name one backend are the list. */
async function loadBackends(api: Api, signal: AbortSignal): Promise<Answer<readonly BackendStatus[]>> {
  const found: BackendStatus[] = []
  let path: string | undefined = '/backends'
  for (let page = 0; path !== undefined && page < MAX_PAGES; page += 1) {
    const answer: Answer<Page<BackendStatus>> = await api.get<Page<BackendStatus>>(path, signal)
    if (!answer.ok) return answer.problem.kind === 'not-available' ? fromGrants(api, signal) : answer
    found.push(...answer.value.value)
    path = nextPath(answer.value.nextLink, '/backends')
  }
  return { ok: true, value: found, headers: new Headers() }
}

async function fromGrants(api: Api, signal: AbortSignal): Promise<Answer<readonly BackendStatus[]>> {
  const answer = await api.get<Grants>('/grants', signal)
  if (!answer.ok)
    return answer.problem.kind === 'not-available' ? { ok: true, value: [], headers: new Headers() } : answer
  const named = answer.value.grants.filter(({ scope }) => /\/backends\/[^/]+$/i.test(scope))
  return { ok: true, value: named.map(({ scope, actions }) => ({ id: scope, actions })), headers: answer.headers }
}
