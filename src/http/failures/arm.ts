import type { ArmFailure } from '../../domain/failure.ts'
import { DEFAULT_RETRY_AFTER_SECONDS, unavailable, type Rows } from './row.ts'

/** What ARM said 4xx to is relayed with ARM's own status, code and text, and needs no row. */
export type RelayedReason = 'arm_rejected' | 'arm_throttled'

const RECONNECT_ACTION = 'Microsoft.ApiManagement/service/backends/reconnect/action'

/** ARM was asked, or was to be asked, and did not accept. Each text says whether the reconnect may have taken effect. */
export const ARM_ROWS: Rows<Exclude<ArmFailure['reason'], RelayedReason>> = {
  identity_unavailable: unavailable(
    () => 'This app could not get a token for its managed identity. Nothing was sent. Try again.',
  ),
  arm_refused_identity: {
    status: 502,
    code: 'UpstreamAuthorizationFailed',
    text: ({ scope }) =>
      `Azure Resource Manager refused the managed identity of this app: it needs the action '${RECONNECT_ACTION}' over scope '${scope}'.`,
  },
  arm_unreachable: {
    status: 502,
    code: 'BadGateway',
    text: () => 'Azure Resource Manager could not be reached. Nothing was sent. Try again.',
  },
  arm_answer_invalid: {
    status: 502,
    code: 'BadGateway',
    text: ({ status }) =>
      `Azure Resource Manager gave an answer that makes no sense here (status ${status}). It is not known whether the reconnect was accepted; a repeated request does no harm.`,
  },
  arm_unavailable: unavailable(
    () =>
      'Azure Resource Manager is unavailable (503). It is not known whether the reconnect was accepted; a repeated request does no harm.',
    ({ retryAfter }) => retryAfter ?? String(DEFAULT_RETRY_AFTER_SECONDS),
  ),
  arm_failed: {
    status: 502,
    code: 'BadGateway',
    text: ({ status }) =>
      `Azure Resource Manager failed with status ${status}. It is not known whether the reconnect was accepted; a repeated request does no harm.`,
  },
  arm_connection_lost: {
    status: 502,
    code: 'BadGateway',
    text: () =>
      'The connection to Azure Resource Manager broke before an answer came. It is not known whether the reconnect was accepted; a repeated request does no harm.',
  },
  outcome_unknown: {
    status: 504,
    code: 'GatewayTimeout',
    text: () =>
      'Azure Resource Manager did not answer in time. The outcome is unknown: the reconnect may or may not have been accepted. A repeated request does no harm.',
  },
  deadline_exceeded: {
    status: 504,
    code: 'GatewayTimeout',
    text: () => 'The time for this request ran out before anything was sent to Azure Resource Manager. Try again.',
  },
}
