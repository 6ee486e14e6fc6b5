import type { Backend } from './backend-id.ts'
import type { Duration } from './duration.ts'

/** What is asked for: reconnect this backend, so much later, in this version of the API. */
export interface ReconnectCommand {
  readonly backend: Backend
  readonly apiVersion: string
  /** Absent: ARM's own default of two minutes. */
  readonly after?: Duration
  /** The caller's own words: at most 200 printable ASCII characters. */
  readonly reason?: string
  /** Decide everything, send nothing. */
  readonly dryRun: boolean
  /** Do not join a reconnect that is already on its way; needs action `force`. */
  readonly force: boolean
}
