import type { Answer, Api } from './api.ts'
import type { Delivery, Operation, Page } from './api-types.ts'
import { useLive } from './live.ts'
import { At, Backend, Field, LiveView, textOf } from './parts.tsx'
import { toHash } from './place.ts'
import { useSession } from './session.ts'

const EVERY_MS = 15_000

const OUTCOMES: Readonly<Record<string, string>> = {
  unmatched: 'Not matched: the webhook’s “match” in the policy leaves it out, or it names no backend.',
  invalid:
    'The alert does not name a valid backend. Check the webhook’s “backend” template and the labels of the alert.',
  denied: 'The webhook has no grant for this backend. Add one to the policy for “webhook:<name>”.',
  resolved: 'The alert was over: only firing alerts act.',
  unauthenticated:
    'The proof of the sender was missing or wrong. Compare its secret, role or signature with the policy.',
  malformed: 'The payload is not of the webhook’s format. Check that the sender is set up for it.',
  paused: 'Alerts were paused.',
}

export function DeliveriesView({ webhook }: { readonly webhook: string | undefined }) {
  const { api } = useSession()
  const seen = useLive('webhooks', (signal) => loadWebhooks(api, signal), 0)
  return (
    <>
      <p>
        Choose the webhook that the alert was sent to. What acted is in the history; what did not act is listed here for
        7 days.
      </p>
      <form
        key={webhook}
        onSubmit={(event) => {
          event.preventDefault()
          location.hash = toHash('webhook', {}, textOf(event.currentTarget, 'webhook'))
        }}
      >
        <Field label="Webhook" hint="Its name in the policy, the last part of the address that alerts are sent to">
          <input
            name="webhook"
            list="webhooks"
            required
            defaultValue={webhook ?? ''}
            maxLength={63}
            autocomplete="off"
            spellcheck={false}
          />
        </Field>
        <datalist id="webhooks">
          {(seen.data ?? []).map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <button type="submit">Show</button>
      </form>
      {webhook === undefined ? null : <Deliveries key={webhook} webhook={webhook} />}
    </>
  )
}

function Deliveries({ webhook }: { readonly webhook: string }) {
  const { api } = useSession()
  const path = `/webhooks/${encodeURIComponent(webhook)}/deliveries`
  const live = useLive(path, (signal) => api.get<Page<Delivery>>(path, signal), EVERY_MS)
  return (
    <LiveView live={live}>
      {({ value }) =>
        value.length === 0 ? (
          <p>
            Every alert of the last 7 days acted, or none arrived. If your alert is not in the{' '}
            <a href={toHash('history')}>history</a> either, it did not reach this app: check the sender’s own log.
          </p>
        ) : (
          <ol class="timeline">
            {value.map((delivery, index) => (
              <li key={index} class={delivery.outcome === 'resolved' ? 'quiet' : 'bad'}>
                <At time={delivery.at} seconds /> <strong>{delivery.outcome}</strong>
                <p>{OUTCOMES[delivery.outcome] ?? ''}</p>
                {delivery.reason === undefined ? null : <p class="said">{delivery.reason}</p>}
                <p>
                  {delivery.backend === undefined ? null : <Backend id={delivery.backend} />}
                  {delivery.alertRule === undefined ? null : <> Rule: {delivery.alertRule}.</>}
                  {delivery.alertId === undefined ? null : (
                    <>
                      {' '}
                      Alert id: <a href={toHash('history', { alert: delivery.alertId })}>{delivery.alertId}</a>.
                    </>
                  )}
                  {delivery.omitted === undefined ? null : (
                    <> {delivery.omitted} more were not listed before this one.</>
                  )}
                </p>
              </li>
            ))}
          </ol>
        )
      }
    </LiveView>
  )
}

/** No route lists webhooks: those of the latest alerts are offered. */
async function loadWebhooks(api: Api, signal: AbortSignal): Promise<Answer<readonly string[]>> {
  const answer = await api.get<Page<Operation>>('/operations?top=200', signal)
  if (!answer.ok) return answer
  const names = answer.value.value.map(({ trigger }) => trigger.webhook).filter((name) => name !== undefined)
  return { ...answer, value: [...new Set(names)].toSorted() }
}
