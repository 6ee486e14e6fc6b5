import { useEffect, useRef, useState } from 'preact/hooks'
import type { Api } from './api.ts'
import type { Operation, Page } from './api-types.ts'
import { now } from './clock.ts'
import { askedBy } from './operation-text.ts'
import { Backend, Field, ProblemNote, textOf } from './parts.tsx'
import { reconnectPath, toHash } from './place.ts'
import type { Problem } from './problem.ts'
import { useSession } from './session.ts'
import { clockTime } from './time-text.ts'

interface Wish {
  readonly after: string
  readonly reason: string
  readonly force: boolean
}

/** What the app says will happen, for exactly this wish. */
interface Forecast {
  readonly wish: Wish
  readonly would: string
  readonly due: string
  readonly joins?: Operation
}

const NO_WISH: Wish = { after: '', reason: '', force: false }
const DELAYS: readonly (readonly [string, string])[] = [
  ['', 'as soon as Azure does it (2 minutes)'],
  ['PT5M', '5 minutes'],
  ['PT15M', '15 minutes'],
  ['PT30M', '30 minutes'],
  ['PT1H', '1 hour'],
]

/** dry run by the app → what will happen → confirm → the operation. A changed wish is checked again before it can be confirmed. */
export function ReconnectForm({
  backend,
  actions,
}: {
  readonly backend: string
  readonly actions: readonly string[] | undefined
}) {
  const path = reconnectPath(backend)
  if (path !== undefined) return <CheckedForm backend={backend} actions={actions} path={path} />
  return (
    <p class="note bad" role="alert">
      This is not the resource id of a backend: {backend} <a href={toHash('reconnect')}>Choose a backend</a>
    </p>
  )
}

function CheckedForm({
  backend,
  actions,
  path,
}: {
  readonly backend: string
  readonly actions: readonly string[] | undefined
  readonly path: string
}) {
  const { api } = useSession()
  /** Counts changes of the form: an answer to an earlier wish is dropped. */
  const change = useRef(0)
  const [busy, setBusy] = useState(false)
  const [forecast, setForecast] = useState<Forecast | undefined>()
  const [problem, setProblem] = useState<Problem | undefined>()
  const [outcome, setOutcome] = useState<string | undefined>()

  async function check(wish: Wish): Promise<void> {
    const asked = change.current
    setBusy(true)
    setProblem(undefined)
    const answer = await api.send(path, sendingOf(wish, true))
    if (answer.ok) {
      const would = answer.headers.get('x-reconnect-would') ?? ''
      const due = answer.headers.get('x-reconnect-due') ?? ''
      const joins = would === 'join' ? await findScheduled(api, backend, due) : undefined
      if (asked === change.current) setForecast({ wish, would, due, ...(joins === undefined ? {} : { joins }) })
    } else setProblem(answer.problem)
    setBusy(false)
  }

  async function confirm({ wish }: Forecast): Promise<void> {
    setBusy(true)
    setProblem(undefined)
    const answer = await api.send(path, sendingOf(wish, false))
    setBusy(false)
    setForecast(undefined)
    if (!answer.ok) return setProblem(answer.problem)
    const operation = answer.headers.get('x-reconnect-operation')
    const isRecorded = !(answer.headers.get('x-reconnect-warning') ?? '').includes('not-recorded')
    if (operation !== null && isRecorded) location.hash = toHash('operation', {}, operation)
    else setOutcome(unrecorded(answer.headers.get('x-reconnect-outcome'), answer.headers.get('x-reconnect-due')))
  }

  useEffect(() => void check(NO_WISH), [])

  return (
    <>
      <p>
        <Backend id={backend} /> <a href={toHash('reconnect')}>Choose another one</a>
      </p>
      <form
        class="panel"
        onInput={() => {
          change.current += 1
          setForecast(undefined)
        }}
        onSubmit={(event) => {
          event.preventDefault()
          // Not `disabled`: the button would lose the focus.
          if (busy) return
          void (forecast === undefined ? check(readWish(event.currentTarget)) : confirm(forecast))
        }}
      >
        <Field label="Delay">
          <select name="after">
            {DELAYS.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Reason" hint="At most 200 characters without accents. It is kept with the operation.">
          <input name="reason" maxLength={200} pattern="[ -~]*" placeholder="INC-4711: orders answers 503" />
        </Field>
        {actions === undefined || actions.includes('force') ? (
          <label class="check">
            <input type="checkbox" name="force" /> Force: send a reconnect of its own, even if one that covers it is
            already accepted. Needs the grant “force”.
          </label>
        ) : null}
        <div role="status">
          {busy ? <p>Asking the app…</p> : null}
          {forecast === undefined ? null : <Forecasted forecast={forecast} />}
          {outcome === undefined ? null : <p class="note">{outcome}</p>}
        </div>
        {problem === undefined ? null : <ProblemNote problem={problem} />}
        <p class="buttons">
          <button type="submit" aria-disabled={busy}>
            {forecast === undefined
              ? 'Check what will happen'
              : forecast.would === 'join'
                ? 'Confirm: join it'
                : 'Confirm: reconnect'}
          </button>
        </p>
      </form>
    </>
  )
}

function Forecasted({ forecast: { would, due, joins } }: { readonly forecast: Forecast }) {
  const at = clockTime(due, now())
  return would === 'join' ? (
    <p class="note">
      <strong>It joins the reconnect that is due at {at}.</strong>{' '}
      {joins === undefined
        ? ''
        : `Asked for by ${askedBy(joins)}${joins.reason === undefined ? '' : `: ${joins.reason}`}. `}
      Nothing more is sent to Azure.
    </p>
  ) : (
    <p class="note">
      <strong>It will be sent now; the gateway reconnects at {at}.</strong> Connections of the gateway to this backend
      are opened anew.
    </p>
  )
}

function readWish(form: HTMLFormElement): Wish {
  return {
    after: textOf(form, 'after'),
    reason: textOf(form, 'reason'),
    force: new FormData(form).get('force') !== null,
  }
}

function sendingOf({ after, reason, force }: Wish, dryRun: boolean) {
  return {
    method: 'POST' as const,
    headers: {
      ...(dryRun ? { 'x-reconnect-dry-run': 'true' } : {}),
      ...(force ? { 'x-reconnect-force': 'true' } : {}),
      ...(reason === '' ? {} : { 'x-reconnect-reason': reason }),
    },
    ...(after === '' ? {} : { body: { properties: { after } } }),
  }
}

/** Who asked for the reconnect that would be joined. Undefined where the user may not read it: then that is left out. */
async function findScheduled(api: Api, backend: string, due: string): Promise<Operation | undefined> {
  const query = new URLSearchParams({ backend, state: 'forwarded', top: '5' })
  const answer = await api.get<Page<Operation>>(`/operations?${query.toString()}`)
  return answer.ok ? answer.value.value.find((operation) => operation.due === due) : undefined
}

function unrecorded(outcome: string | null, due: string | null): string {
  return `Done: ${outcome ?? 'accepted'}${due === null ? '' : `, due at ${clockTime(due, now())}`}. Storage does not answer, so the app could not record it: it will not be in the history.`
}
