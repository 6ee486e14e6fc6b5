import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import type { Failure } from '../domain/failure.ts'
import type { Result } from '../shared/result.ts'
import type { ArmTrace, Forwarded, Noted } from './ports.ts'

/** ARM accepted it now, or an earlier reconnect covers it, or ARM would have been asked. */
export interface Settled {
  readonly outcome: 'forwarded' | 'joined' | 'dry-run'
  readonly command: ReconnectCommand
  /** On a dry run that would join: when the reconnect that it would join is due. */
  readonly dueEpochMs: number
  /** On a dry run: what a request without it would have led to. */
  readonly would?: 'forward' | 'join'
}

/** What is known of a request when it has been decided: the answer and the audit event are made of it. */
export interface Decision {
  readonly result: Result<Settled, Failure>
  readonly caller?: Caller
  readonly command?: ReconnectCommand
  /** Once there is one, with whether storage took it. */
  readonly noted?: Noted
  readonly forwarded?: Forwarded
  readonly arm?: ArmTrace
}
