import type { Caller } from '../domain/caller.ts'
import type { ReconnectCommand } from '../domain/command.ts'
import type { Failure } from '../domain/failure.ts'
import type { Result } from '../shared/result.ts'
import type { ArmTrace, Noted } from './ports.ts'

/** ARM accepted it now, or an earlier reconnect covers it, or ARM would have been asked. */
export interface Settled {
  readonly outcome: 'forwarded' | 'joined' | 'dry-run'
  readonly command: ReconnectCommand
  readonly dueEpochMs: number
}

/** What became known on the way: the answer's headers and the audit event are made of it. */
export interface Trail {
  caller?: Caller
  command?: ReconnectCommand
  noted?: Noted
  attempts?: number
  ambiguous?: boolean
  arm?: ArmTrace
}

export interface Decision {
  readonly result: Result<Settled, Failure>
  readonly arm: ArmTrace | undefined
  /** The operation, once there is one, and whether it was written down. */
  readonly noted: Noted | undefined
}
