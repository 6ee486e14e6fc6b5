import type { Answer, Api } from './api.ts'
import type { Operation } from './api-types.ts'
import { now } from './clock.ts'
import { useLive, useNow } from './live.ts'
import { askedBy, spokenStatus } from './operation-text.ts'
import { At, Backend, CopyText, LiveView, OperationStatus } from './parts.tsx'
import { toHash } from './place.ts'
import { useSession } from './session.ts'
import { timelineOf, type Step } from './timeline.ts'

const SOON_MS = 3_000
const LATER_MS = 15_000

interface Loaded {
  readonly operation: Operation
  /** The operation that this one joined, where the user may read it. */
  readonly covering?: Operation
}

export function OperationView({ id }: { readonly id: string }) {
  const { api } = useSession()
  const live = useLive(`operation ${id}`, (signal) => loadOperation(api, id, signal), everyMs)
  return <LiveView live={live}>{(loaded) => <Details loaded={loaded} />}</LiveView>
}

function Details({ loaded: { operation, covering } }: { readonly loaded: Loaded }) {
  const { trigger, backend, id, arm } = operation
  const time = useNow()
  const steps = timelineOf(operation, covering, time)
  return (
    <>
      <p>
        <Backend id={backend} /> Asked for by {askedBy(operation)} at <At time={operation.requestedAt} />.
      </p>
      <OperationStatus operation={covering ?? operation} />
      <p role="status" class="spoken">
        {spokenStatus(covering ?? operation, time)}
      </p>
      <h2>What happened</h2>
      <ol class="timeline">
        {steps.map((step, index) => (
          <TimelineStep key={index} step={step} />
        ))}
      </ol>
      <h2>Go on from here</h2>
      <ul class="links">
        {trigger.alertId === undefined ? null : (
          <li>
            <a href={toHash('history', { alert: trigger.alertId })}>Operations of the same alert</a>
          </li>
        )}
        {trigger.alertRule === undefined ? null : (
          <li>
            <a href={toHash('history', { rule: trigger.alertRule })}>Operations of the same rule</a>
          </li>
        )}
        {trigger.webhook === undefined ? null : (
          <li>
            <a href={toHash('webhook', {}, trigger.webhook)}>Alerts of webhook {trigger.webhook} that did not act</a>
          </li>
        )}
        <li>
          <a href={toHash('history', { backend })}>History of this backend</a>
        </li>
        <li>
          <a href={toHash('reconnect', { backend })}>Reconnect this backend</a>
        </li>
      </ul>
      <h2>To copy</h2>
      <ul class="links">
        <li>
          <CopyText name="operation id" value={id} />
        </li>
        {arm?.correlationId === undefined ? null : (
          <li>
            <CopyText name="correlation id" value={arm.correlationId} />
          </li>
        )}
        <li>
          <CopyText name="link" value={`${location.origin}/console${toHash('operation', {}, id)}`} />
        </li>
        <li>
          <CopyText
            name="curl"
            value={`curl -H "Authorization: Bearer $TOKEN" '${location.origin}/operations/${encodeURIComponent(id)}'`}
          />
        </li>
      </ul>
    </>
  )
}

function TimelineStep({ step: { at, title, text, tone, ids, operation, future } }: { readonly step: Step }) {
  return (
    <li class={future === true ? `${tone} future` : tone}>
      {at === undefined ? null : <At time={at} seconds />} <strong>{title}</strong>
      {text === undefined || text === '' ? null : <p>{text}</p>}
      {operation === undefined ? null : (
        <p>
          <a href={toHash('operation', {}, operation)}>The reconnect that it joined</a>
        </p>
      )}
      {(ids ?? []).map(({ name, value }) => (
        <p key={name}>
          <CopyText name={name} value={value} />
        </p>
      ))}
    </li>
  )
}

/** Soon while something is about to change; later while a verdict is awaited; then never. */
function everyMs({ operation, covering = operation }: Loaded): number {
  if (operation.state === 'accepted' || Date.parse(covering.due ?? '') > now()) return SOON_MS
  return covering.effect?.verdict === 'pending' ? LATER_MS : covering.state === 'forwarded' ? 4 * LATER_MS : 0
}

async function loadOperation(api: Api, id: string, signal: AbortSignal): Promise<Answer<Loaded>> {
  const answer = await api.get<Operation>(`/operations/${encodeURIComponent(id)}`, signal)
  if (!answer.ok) return answer
  const operation = answer.value
  const covering =
    operation.joined === undefined
      ? undefined
      : await api.get<Operation>(`/operations/${encodeURIComponent(operation.joined)}`, signal)
  return { ...answer, value: { operation, ...(covering?.ok === true ? { covering: covering.value } : {}) } }
}
