import type { OperationId } from '../domain/operation-id.ts'

/** What the sender is told of one alert (contract, section 5). */
export interface AlertAnswer {
  readonly backend: string | null
  readonly outcome:
    'accepted' | 'resolved' | 'unmatched' | 'denied' | 'invalid' | 'paused' | 'exhausted' | 'dry-run' | 'switched-off'
  readonly operation?: OperationId
  readonly reason?: string
}
