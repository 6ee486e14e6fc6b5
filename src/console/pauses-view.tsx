import { useState } from 'preact/hooks'
import type { Page, Pause } from './api-types.ts'
import { now } from './clock.ts'
import { useLive } from './live.ts'
import { At, Field, LiveView, ProblemNote, textOf } from './parts.tsx'
import type { Problem } from './problem.ts'
import { useSession } from './session.ts'

const EVERY_MS = 10_000
/** Pauses last at most 24 hours. */
const LENGTHS: readonly (readonly [string, string])[] = [
  ['30', '30 minutes'],
  ['60', '1 hour'],
  ['120', '2 hours'],
  ['240', '4 hours'],
  ['480', '8 hours'],
  ['1435', '24 hours'],
]

export function PausesView({ query }: { readonly query: Readonly<Record<string, string>> }) {
  const { api } = useSession()
  const live = useLive('pauses', (signal) => api.get<Page<Pause>>('/pauses', signal), EVERY_MS)
  const [problem, setProblem] = useState<Problem | undefined>()
  const [done, setDone] = useState('')

  async function act(what: string, path: string, sending: Parameters<typeof api.send>[1]): Promise<boolean> {
    const answer = await api.send(path, sending)
    setProblem(answer.ok ? undefined : answer.problem)
    setDone(answer.ok ? what : '')
    if (answer.ok) live.reload()
    return answer.ok
  }

  async function pause(form: HTMLFormElement, body: Omit<Pause, 'id'>): Promise<void> {
    if (await act('Alerts are paused. Every instance follows within 10 seconds.', '/pauses', { method: 'POST', body }))
      form.reset()
  }

  return (
    <>
      <p>
        While a pause lasts, alerts for backends in its scope do not act. People and tools are not affected. It ends by
        itself.
      </p>
      <LiveView live={live}>
        {({ value }) =>
          value.length === 0 ? (
            <p>No pause that you may see lasts now.</p>
          ) : (
            <ul class="cards">
              {value.map((pause) => (
                <li key={pause.id} class="card">
                  <h2>
                    Until <At time={pause.until} />
                  </h2>
                  <p>
                    {pause.reason}
                    <br />
                    <small>
                      <code>{pause.scope}</code>
                      {pause.webhook === undefined ? ', all webhooks' : `, webhook ${pause.webhook}`}
                      {pause.createdBy === undefined ? '' : `, by ${pause.createdBy.name ?? pause.createdBy.id}`}
                    </small>
                  </p>
                  <button
                    type="button"
                    aria-label={`End the pause: ${pause.reason}`}
                    onClick={() =>
                      void act('The pause has ended.', `/pauses/${encodeURIComponent(pause.id)}`, { method: 'DELETE' })
                    }
                  >
                    End it now
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </LiveView>
      <p role="status">{done}</p>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      <h2>Pause alerts</h2>
      <form
        class="panel"
        onSubmit={(event) => {
          event.preventDefault()
          const form = event.currentTarget
          const webhook = textOf(form, 'webhook')
          const until = new Date(now() + Number(textOf(form, 'minutes')) * 60_000).toISOString()
          void pause(form, {
            scope: textOf(form, 'scope'),
            ...(webhook === '' ? {} : { webhook }),
            until,
            reason: textOf(form, 'reason'),
          })
        }}
      >
        <Field label="Scope" hint="From a subscription down to one backend; it covers everything below it">
          <input
            name="scope"
            required
            defaultValue={query['scope'] ?? ''}
            maxLength={512}
            autocomplete="off"
            spellcheck={false}
          />
        </Field>
        <Field label="Webhook" hint="Empty: all webhooks">
          <input name="webhook" maxLength={63} autocomplete="off" spellcheck={false} />
        </Field>
        <Field label="For">
          <select name="minutes">
            {LENGTHS.map(([minutes, label]) => (
              <option key={minutes} value={minutes}>
                {label}
              </option>
            ))}
          </select>
        </Field>
        <Field label="Reason">
          <input name="reason" required maxLength={200} />
        </Field>
        <button type="submit">Pause</button>
      </form>
    </>
  )
}
