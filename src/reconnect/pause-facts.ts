import type { DecisionFacts } from '../domain/decision.ts'
import type { PauseFound } from './operator-ports.ts'

/** What the audit event of a decision says of pauses (contract, section 11). */
export function toPauseFacts(found: PauseFound): Pick<DecisionFacts, 'pauseId' | 'pausesUnread'> {
  switch (found.kind) {
    case 'none':
      return {}
    case 'paused':
      return { pauseId: found.pause.id }
    case 'unknown':
      return { pausesUnread: true }
  }
}
