import type { Backend } from './backend-id.ts'
import type { Duration } from './duration.ts'

/** A reconnect of one backend as it was asked for. */
export interface ReconnectCommand {
  readonly backend: Backend
  readonly apiVersion: string
  /** Absent: ARM's default of two minutes. */
  readonly after?: Duration
  /** Decide everything and send nothing. */
  readonly dryRun: boolean
  /** Do not join a reconnect that is in flight or scheduled. Needs the action `force`. */
  readonly force: boolean
  /** Why, in the caller's words: at most 200 printable ASCII characters. For the record; no decision reads it. */
  readonly reason?: string
}
