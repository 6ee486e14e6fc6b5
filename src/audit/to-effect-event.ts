import type { EffectFacts } from '../domain/effect.ts'
import { traceIdOf } from '../domain/traceparent.ts'
import type { EffectEvent } from './event.ts'

/** The one builder of the events of verdicts: pure. */
export function toEffectEvent({ backend, decided }: EffectFacts): EffectEvent {
  const { operationId, effect, origin, corrected } = decided
  const { verdict, since, decideBy, decidedAt, evidence } = effect
  const { webhook, alertRule, correlationId, traceparent } = origin
  const traceId = traceIdOf(traceparent)
  return {
    event: 'reconnect.effect',
    operationId,
    verdict,
    ...(corrected ? { corrected } : {}),
    correlationId,
    ...(traceId === undefined ? {} : { traceId }),
    caller: { kind: 'webhook', id: webhook },
    trigger: { kind: 'webhook', webhook, ...(alertRule === undefined ? {} : { alertRule }) },
    backend,
    since,
    decideBy,
    ...(decidedAt === undefined ? {} : { decidedAt }),
    evidence,
  }
}
