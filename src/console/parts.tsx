import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Operation } from './api-types.ts'
import { now } from './clock.ts'
import { useNow, type Live } from './live.ts'
import { backendName, statusOf, type Status } from './operation-text.ts'
import { toHash } from './place.ts'
import type { Problem } from './problem.ts'
import { useSession } from './session.ts'
import { clockTime, spanText } from './time-text.ts'

export function Backend({ id, link = true }: { readonly id: string; readonly link?: boolean }) {
  const { name, where } = backendName(id)
  return (
    <span class="backend">
      {link ? <a href={toHash('history', { backend: id })}>{name}</a> : <strong>{name}</strong>} <small>{where}</small>
    </span>
  )
}

export function At({ time, seconds = false }: { readonly time: string; readonly seconds?: boolean }) {
  return (
    <time dateTime={time} title={time}>
      {clockTime(time, now(), seconds)}
    </time>
  )
}

export function StatusLine({ status }: { readonly status: Status }) {
  return (
    <div class="status">
      <strong class={`tone ${status.tone}`}>{status.title}</strong>
      {status.detail === undefined ? null : <p>{status.detail}</p>}
    </div>
  )
}

/** The status of an operation, counting down by itself. */
export function OperationStatus({ operation }: { readonly operation: Operation }) {
  return <StatusLine status={statusOf(operation, useNow())} />
}

/** What went wrong and what to do, with the button that does it. */
export function ProblemNote({ problem, retry }: { readonly problem: Problem; readonly retry?: () => void }) {
  const { signIn } = useSession()
  const needsSignIn = problem.kind === 'signed-out'
  return (
    <div class="note bad" role="alert">
      <strong>{problem.title}</strong>
      <p>{problem.text}</p>
      {problem.said === undefined ? null : <p class="said">The app says: {problem.said}</p>}
      {problem.correlationId === undefined ? null : (
        <p>
          <CopyText name="correlation id" value={problem.correlationId} />
        </p>
      )}
      <p class="buttons">
        {needsSignIn ? (
          <button type="button" onClick={() => signIn(false)}>
            Sign in again
          </button>
        ) : null}
        {problem.kind === 'forbidden' ? <a href={toHash('grants')}>What may I do</a> : null}
        {retry === undefined || needsSignIn ? null : (
          <button type="button" class="plain" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </div>
  )
}

/** When it was loaded; and that it is old, where updates fail or are late. */
export function Freshness({ live }: { readonly live: Live<unknown> }) {
  const time = useNow()
  const { updatedAtEpochMs, everyMs, problem, reload } = live
  const ageMs = updatedAtEpochMs === undefined ? 0 : time - updatedAtEpochMs
  const old = updatedAtEpochMs !== undefined && (problem !== undefined || (everyMs > 0 && ageMs > 3 * everyMs + 5_000))
  return (
    <p class={old ? 'freshness old' : 'freshness'}>
      {updatedAtEpochMs === undefined
        ? problem === undefined
          ? 'Loading…'
          : 'Not loaded.'
        : `${old ? 'Old data: last updated' : 'Updated'} ${spanText(ageMs)} ago.`}{' '}
      <button type="button" class="plain" onClick={reload}>
        Update now
      </button>
    </p>
  )
}

/** A view of live data: freshness, then the problem if there is one, then what is known. */
export function LiveView<T>({
  live,
  children,
}: {
  readonly live: Live<T>
  readonly children: (data: T) => ComponentChildren
}) {
  return (
    <>
      <Freshness live={live} />
      {live.problem === undefined ? null : <ProblemNote problem={live.problem} retry={live.reload} />}
      {live.data === undefined ? null : children(live.data)}
    </>
  )
}

/** A value that one copies into another tool. */
export function CopyText({ name, value }: { readonly name: string; readonly value: string }) {
  const [copied, setCopied] = useState<boolean | undefined>()
  const copy = (): void => {
    navigator.clipboard.writeText(value).then(
      () => setCopied(true),
      () => setCopied(false),
    )
  }
  return (
    <span class="copy">
      <span>{name}:</span> <code>{value}</code>{' '}
      <button type="button" class="plain" onClick={copy} aria-label={`Copy ${name}`}>
        Copy
      </button>
      <span role="status">{copied === undefined ? '' : copied ? ' Copied.' : ' Select it and copy it by hand.'}</span>
    </span>
  )
}

export function Field({
  label,
  hint,
  children,
}: {
  readonly label: string
  readonly hint?: string
  readonly children: ComponentChildren
}) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
      {hint === undefined ? null : <small>{hint}</small>}
    </label>
  )
}

/** The text of a form's field. */
export function textOf(form: HTMLFormElement, name: string): string {
  const value = new FormData(form).get(name)
  return typeof value === 'string' ? value.trim() : ''
}
