import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { createApi } from './api.ts'
import { clientNow } from './clock.ts'
import { DeliveriesView } from './deliveries-view.tsx'
import { GrantsView } from './grants-view.tsx'
import { HistoryView } from './history-view.tsx'
import { NowView } from './now-view.tsx'
import { OperationView } from './operation-view.tsx'
import { ProblemNote } from './parts.tsx'
import { PausesView } from './pauses-view.tsx'
import { findPlace, parsePlace, toHash, type Place, type View } from './place.ts'
import { toProblem, toStartProblem, UNREACHABLE, type Problem } from './problem.ts'
import { ReconnectView } from './reconnect-view.tsx'
import { SessionProvider } from './session.ts'
import { finishSignIn, startSignIn, type Settings, type Token } from './sign-in.ts'

const TITLES: Readonly<Record<View, string>> = {
  now: 'Now',
  reconnect: 'Reconnect',
  operation: 'Operation',
  history: 'History',
  webhook: 'Why did my alert not act',
  pauses: 'Pauses',
  grants: 'What may I do',
}
const MENU: readonly View[] = ['now', 'reconnect', 'history', 'webhook', 'pauses', 'grants']

type Entry =
  | { readonly kind: 'loading' }
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** Shown with a button; the page does not leave by itself a second time. */
  | { readonly kind: 'signed-out'; readonly settings: Settings; readonly reason: string }
  | { readonly kind: 'signed-in'; readonly settings: Settings; readonly token: Token }

/** settings → sign-in → views. The token is in memory only: a reload signs in again. */
export function App() {
  const [entry, setEntry] = useState<Entry>({ kind: 'loading' })
  const [expired, setExpired] = useState(false)

  useEffect(() => {
    void enter().then(setEntry, (fault: unknown) => setEntry({ kind: 'problem', problem: toStartProblem(fault) }))
  }, [])
  useEffect(() => {
    if (entry.kind !== 'signed-in') return undefined
    const timer = setTimeout(() => setExpired(true), Math.max(0, entry.token.expiresAtEpochMs - clientNow()))
    return () => clearTimeout(timer)
  }, [entry])

  const session = useMemo(() => {
    const token = entry.kind === 'signed-in' ? entry.token.value : ''
    const settings = 'settings' in entry ? entry.settings : undefined
    return {
      api: createApi(token, () => setExpired(true)),
      signIn(chooseAccount: boolean) {
        if (settings !== undefined)
          startSignIn(settings, location.hash, chooseAccount).catch((fault: unknown) =>
            setEntry({ kind: 'signed-out', settings, reason: `The token issuer does not answer: ${String(fault)}` }),
          )
      },
    }
  }, [entry])

  return (
    <SessionProvider value={session}>
      {entry.kind === 'signed-in' ? (
        <SignedIn expired={expired} signIn={session.signIn} />
      ) : (
        <main class="entry" aria-busy={entry.kind === 'loading'}>
          <h1>APIM Reconnect</h1>
          {entry.kind === 'loading' ? <p role="status">Signing in…</p> : null}
          {entry.kind === 'problem' ? <ProblemNote problem={entry.problem} retry={() => location.reload()} /> : null}
          {entry.kind === 'signed-out' ? (
            <>
              <p role="alert">{entry.reason}</p>
              <button type="button" onClick={() => session.signIn(false)}>
                Sign in
              </button>{' '}
              <button type="button" class="plain" onClick={() => session.signIn(true)}>
                Sign in with another account
              </button>
            </>
          ) : null}
        </main>
      )}
    </SessionProvider>
  )
}

async function enter(): Promise<Entry> {
  const response = await fetch('/console/settings.json', { credentials: 'omit', cache: 'no-store' }).catch(
    () => undefined,
  )
  if (response === undefined) return { kind: 'problem', problem: UNREACHABLE }
  const body = (await response.json().catch(() => ({}))) as Settings & { error?: { code: string; message: string } }
  if (!response.ok) return { kind: 'problem', problem: toProblem({ status: response.status, ...body.error }) }
  if (body.clientId === undefined) return { kind: 'problem', problem: NO_CLIENT }
  const returned = await finishSignIn(body)
  if (returned.kind === 'token') return { kind: 'signed-in', settings: body, token: returned.token }
  if (returned.kind === 'failed')
    return { kind: 'signed-out', settings: body, reason: `Sign-in failed: ${returned.reason}` }
  try {
    await startSignIn(body, location.hash, false)
    return { kind: 'loading' }
  } catch (fault) {
    return { kind: 'signed-out', settings: body, reason: `The token issuer does not answer: ${String(fault)}` }
  }
}

const NO_CLIENT: Problem = {
  kind: 'misconfigured',
  title: 'Sign-in to this page is not set up',
  text: 'The app has no client id for it. The team that runs the app sets RECONNECT_CONSOLE_CLIENT_ID.',
}

function SignedIn({ expired, signIn }: { readonly expired: boolean; readonly signIn: (choose: boolean) => void }) {
  const place = usePlace()
  const heading = useRef<HTMLHeadingElement>(null)
  const at = `${place.view} ${place.id ?? ''}`
  const seen = useRef(at)
  useEffect(() => {
    document.title = `${TITLES[place.view]} – APIM Reconnect`
    // A screen reader is told of the new view; the first one is the page itself.
    if (seen.current !== at) heading.current?.focus()
    seen.current = at
  }, [at])
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), heading.current?.focus())}>
        Skip to content
      </a>
      <header>
        <p class="name">APIM Reconnect</p>
        <nav aria-label="Views">
          <ul>
            {MENU.map((view) => (
              <li key={view}>
                <a href={toHash(view)} aria-current={view === place.view ? 'page' : undefined}>
                  {TITLES[view]}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <Find />
        <button type="button" class="plain" onClick={() => signIn(true)}>
          Switch account
        </button>
      </header>
      {expired ? (
        <div class="note bad" role="alert">
          <strong>Your sign-in has expired.</strong>
          <p>What you see is no longer updated. Sign in again; you come back to this place.</p>
          <button type="button" onClick={() => signIn(false)}>
            Sign in again
          </button>
        </div>
      ) : null}
      <main id="main">
        <h1 ref={heading} tabIndex={-1}>
          {TITLES[place.view]}
        </h1>
        <Current place={place} />
      </main>
    </>
  )
}

function Current({ place }: { readonly place: Place }) {
  switch (place.view) {
    case 'now':
      return <NowView />
    case 'reconnect':
      return <ReconnectView query={place.query} />
    case 'operation':
      return <OperationView key={place.id} id={place.id ?? ''} />
    case 'history':
      return <HistoryView query={place.query} />
    case 'webhook':
      return <DeliveriesView webhook={place.id} />
    case 'pauses':
      return <PausesView query={place.query} />
    case 'grants':
      return <GrantsView />
  }
}

/** A pasted alert id, rule, operation id or resource id leads to its operations. */
function Find() {
  return (
    <form
      role="search"
      class="find"
      onSubmit={(event) => {
        event.preventDefault()
        const input = event.currentTarget.elements.namedItem('text') as HTMLInputElement
        location.hash = findPlace(input.value)
        input.value = ''
      }}
    >
      <input
        name="text"
        type="search"
        aria-label="Find by alert id, rule, operation id or backend"
        placeholder="Alert id, rule, operation id…"
        maxLength={512}
      />
      <button type="submit">Find</button>
    </form>
  )
}

function usePlace(): Place {
  const [place, setPlace] = useState(() => parsePlace(location.hash))
  useEffect(() => {
    const moved = (): void => setPlace(parsePlace(location.hash))
    addEventListener('hashchange', moved)
    return () => removeEventListener('hashchange', moved)
  }, [])
  return place
}
