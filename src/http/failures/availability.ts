import type { AvailabilityFailure, Defect, KeysUnavailable } from '../../domain/failure.ts'
import { unavailable, type Rows } from './row.ts'

/** The mode is changed by people, not within seconds. */
const SWITCHED_OFF_RETRY_AFTER_SECONDS = 300

/** This app, or something that it depends on, cannot serve the request at the moment. */
export const AVAILABILITY_ROWS: Rows<AvailabilityFailure['reason'] | KeysUnavailable['reason'] | Defect['reason']> = {
  keys_unavailable: unavailable(
    () => "The token issuer's keys cannot be read at the moment, so no token can be checked. Try again.",
    ({ retryAfterSeconds }) => String(retryAfterSeconds),
  ),
  switched_off: unavailable(
    () => 'Reconnects are switched off at the moment. Nothing was sent.',
    () => String(SWITCHED_OFF_RETRY_AFTER_SECONDS),
  ),
  configuration_invalid: unavailable(
    () =>
      'The configuration of this app is invalid, so it serves no request. Its log names every setting that is wrong; /health/ready names the check.',
    undefined,
    'ConfigurationInvalid',
  ),
  in_flight_elsewhere: unavailable(
    () =>
      'Another request for this backend was waiting for Azure Resource Manager until the time for this one ran out. Nothing was sent. Try again.',
  ),
  write_budget_spent: unavailable(
    () => "Azure Resource Manager's write budget for this subscription is spent at the moment. The delivery waits.",
  ),
  storage_unavailable: unavailable(
    () => 'Storage does not answer at the moment, so nothing can be looked up or stored. Try again.',
  ),
  defect: {
    status: 500,
    code: 'InternalServerError',
    text: () =>
      'This app failed to handle the request because of a defect. Send the correlation id to the team that runs it.',
  },
}
