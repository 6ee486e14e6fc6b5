import type { Answer, Api } from './api.ts'
import type { Operation, Page } from './api-types.ts'
import { DayStrips } from './day-strips.tsx'
import { useLive } from './live.ts'
import { askedBy } from './operation-text.ts'
import { At, Backend, Field, LiveView, OperationStatus, textOf } from './parts.tsx'
import { nextPath, toHash } from './place.ts'
import { useSession } from './session.ts'

const STATES = ['accepted', 'forwarded', 'joined', 'failed', 'abandoned', 'exhausted', 'dry-run']
const VERDICTS = ['pending', 'recovered', 'recovered-early', 'not-recovered', 'unknown', 'superseded']
const FILTERS = ['backend', 'service', 'state', 'alert', 'rule', 'effect', 'from', 'to'] as const
/** Part of a nextLink: the place of a page is in the address, too. */
const SKIP_TOKEN = '$skiptoken'
const PAGE_SIZE = '50'
const EVERY_MS = 30_000
/** Pages of the API that are read for one page here. */
const MAX_PAGES = 5

interface Found {
  readonly operations: readonly Operation[]
  readonly nextToken?: string
  /** Of a pasted text: what it turned out to be. */
  readonly foundAs?: string
}

export function HistoryView({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { api } = useSession()
  const isFirst = query[SKIP_TOKEN] === undefined
  // Later pages are old already: they are not loaded again.
  const live = useLive(
    `history ${JSON.stringify(query)}`,
    (signal) => loadPage(api, query, signal),
    isFirst ? EVERY_MS : 0,
  )
  return (
    <>
      <Filters key={JSON.stringify(query)} query={query} />
      {isFirst && Object.keys(query).every((name) => name === 'service') ? (
        <DayStrips service={query['service']} />
      ) : null}
      <LiveView live={live}>{(found) => <Results found={found} query={query} />}</LiveView>
    </>
  )
}

function Results({
  found: { operations, nextToken, foundAs },
  query,
}: {
  readonly found: Found
  readonly query: Readonly<Record<string, string>>
}) {
  const isEmpty = operations.length === 0
  return (
    <>
      {foundAs === undefined ? null : <p>{foundAs}</p>}
      {isEmpty && nextToken === undefined ? (
        <p>
          There is no operation like this that you may read. An alert that did not act is listed under{' '}
          <a href={toHash('webhook')}>Why did my alert not act</a>.
        </p>
      ) : null}
      {isEmpty && nextToken !== undefined ? (
        <p>Nothing like this in the part of the history that was searched. “Older” searches on.</p>
      ) : null}
      {isEmpty ? null : (
        <div class="scroll" role="region" aria-label="Operations" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">Asked for at</th>
                <th scope="col">Backend</th>
                <th scope="col">Result</th>
                <th scope="col">By</th>
              </tr>
            </thead>
            <tbody>
              {operations.map((operation) => (
                <tr key={operation.id}>
                  <td>
                    <a href={toHash('operation', {}, operation.id)}>
                      <At time={operation.requestedAt} seconds />
                    </a>
                  </td>
                  <td>
                    <Backend id={operation.backend} />
                  </td>
                  <td>
                    <OperationStatus operation={operation} />
                  </td>
                  <td>
                    {askedBy(operation)}
                    {operation.reason === undefined ? null : <small> {operation.reason}</small>}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <nav aria-label="Pages" class="buttons">
        {query[SKIP_TOKEN] === undefined ? null : (
          <a class="button" href={toHash('history', { ...query, [SKIP_TOKEN]: undefined })}>
            Newest
          </a>
        )}
        {nextToken === undefined ? null : (
          <a class="button" href={toHash('history', { ...query, [SKIP_TOKEN]: nextToken })}>
            Older
          </a>
        )}
      </nav>
    </>
  )
}

function Filters({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const text = (name: string, label: string, hint?: string) => (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      <input name={name} defaultValue={query[name] ?? ''} maxLength={512} autocomplete="off" spellcheck={false} />
    </Field>
  )
  const choice = (name: string, label: string, values: readonly string[]) => (
    <Field label={label}>
      <select name={name} defaultValue={query[name] ?? ''}>
        <option value="">any</option>
        {values.map((value) => (
          <option key={value} selected={query[name] === value}>
            {value}
          </option>
        ))}
      </select>
    </Field>
  )
  const time = (name: string, label: string) => (
    <Field label={label}>
      <input name={name} type="datetime-local" defaultValue={toLocal(query[name])} />
    </Field>
  )
  return (
    <details class="filters" open={FILTERS.some((name) => query[name] !== undefined)}>
      <summary>Filters</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const form = event.currentTarget
          const given = Object.fromEntries(FILTERS.map((name) => [name, textOf(form, name)]))
          location.hash = toHash('history', { ...given, from: toUtc(given['from']), to: toUtc(given['to']) })
        }}
      >
        {text('backend', 'Backend', 'Resource id')}
        {text('service', 'Service', 'Resource id')}
        {text('alert', 'Alert id', 'As the sender writes it')}
        {text('rule', 'Alert rule')}
        {choice('state', 'State', STATES)}
        {choice('effect', 'Verdict', VERDICTS)}
        {time('from', 'From')}
        {time('to', 'To')}
        <p class="buttons">
          <button type="submit">Show</button> <a href={toHash('history')}>Clear</a>
        </p>
      </form>
    </details>
  )
}

/** A pasted text is looked for as an alert id, then as a rule, then within the newest operations: senders show shorter ids than they send. */
async function loadPage(
  api: Api,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer<Found>> {
  const { find, ...filters } = query
  if (find === undefined) return list(api, filters, signal)
  for (const [name, what] of [
    ['alert', 'the alert'],
    ['rule', 'the alert rule'],
  ] as const) {
    const answer = await list(api, { ...filters, [name]: find }, signal)
    if (!answer.ok || answer.value.operations.length > 0) return named(answer, `Operations of ${what} ${find}`)
  }
  const newest = await readPages(api, { top: '200' }, signal, () => true)
  if (!newest.ok) return newest
  const operations = newest.value.operations.filter((operation) => mentions(operation, find)).slice(0, 200)
  return named({ ...newest, value: { operations } }, `Among the newest operations, those that mention ${find}`)
}

function mentions({ backend, reason, trigger }: Operation, text: string): boolean {
  const wanted = text.toLowerCase()
  return [backend, reason, trigger.alertId, trigger.alertRule].some((part) => part?.toLowerCase().includes(wanted))
}

function named(answer: Answer<Found>, foundAs: string): Answer<Found> {
  return answer.ok ? { ...answer, value: { ...answer.value, foundAs } } : answer
}

/** One page. A page of the API may be empty and have a next one: some are read on until there is something to show. */
function list(api: Api, filters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Answer<Found>> {
  return readPages(api, { top: PAGE_SIZE, ...filters }, signal, ({ length }) => length === 0)
}

async function readPages(
  api: Api,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
  goOn: (operations: readonly Operation[]) => boolean,
): Promise<Answer<Found>> {
  const operations: Operation[] = []
  let path: string | undefined = `/operations?${new URLSearchParams(query).toString()}`
  for (let page = 0; path !== undefined && page < MAX_PAGES && (page === 0 || goOn(operations)); page += 1) {
    const answer: Answer<Page<Operation>> = await api.get<Page<Operation>>(path, signal)
    if (!answer.ok) return answer
    operations.push(...answer.value.value)
    path = nextPath(answer.value.nextLink, '/operations')
  }
  const nextToken = path === undefined ? null : new URL(path, 'http://x').searchParams.get(SKIP_TOKEN)
  return { ok: true, headers: new Headers(), value: { operations, ...(nextToken === null ? {} : { nextToken }) } }
}

/** For a field of local time. Empty where the address has no valid time. */
function toLocal(rfc3339: string | undefined): string {
  const at = new Date(rfc3339 ?? '')
  if (Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

function toUtc(local: string | undefined): string | undefined {
  const at = new Date(local ?? '')
  return Number.isNaN(at.getTime()) ? undefined : at.toISOString()
}
