import type { EffectFacts } from '../domain/effect.ts'
import type { EffectEvent } from './event.ts'

/** The one builder of the events of verdicts: pure. */
export function toEffectEvent({ backend, decided }: EffectFacts): EffectEvent {
  const { operationId, effect, origin, corrected } = decided
  const { verdict, since, decideBy, decidedAt, evidence } = effect
  const { webhook, alertRule, correlationId, traceparent } = origin
  return {
    event: 'reconnect.effect',
    operationId,
    verdict,
    ...(corrected ? { corrected } : {}),
    correlationId,
    ...(traceparent === undefined ? {} : { traceparent }),
    caller: { kind: 'webhook', id: webhook },
    trigger: { kind: 'webhook', webhook, ...(alertRule === undefined ? {} : { alertRule }) },
    backend,
    since,
    decideBy,
    ...(decidedAt === undefined ? {} : { decidedAt }),
    evidence,
  }
}
