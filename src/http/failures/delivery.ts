import type { DeliveryFailure } from '../../domain/failure.ts'
import type { FailureOf, Row } from './row.ts'

type Recorded<R extends DeliveryFailure['reason']> = Pick<Row<FailureOf<R>>, 'code' | 'text'>

/** No caller waits for an answer to these, so they have no status. They are recorded with the operation. */
export const DELIVERY_ROWS: { readonly [R in DeliveryFailure['reason']]: Recorded<R> } = {
  paused: {
    code: 'ReconnectPaused',
    text: ({ until }) =>
      `Automation is paused for this backend until ${until}. The delivery waits until then, at most for deliverWithin.`,
  },
  loop_guard: {
    code: 'ReconnectLimitExceeded',
    text: ({ count, window }) =>
      `The limit for alert-triggered reconnects of this backend was reached (${count} within ${window}); nothing was sent. Investigate the backend. Requests by people and tools are not limited.`,
  },
  not_helping: {
    code: 'ReconnectNotHelping',
    text: ({ count }) =>
      `The last ${count} reconnects of this backend did not help, so alerts send no further one. Investigate the backend. A reconnect by a person or a tool starts alerts again.`,
  },
  delivery_expired: {
    code: 'DeliveryExpired',
    text: ({ deliverWithin, detail }) =>
      `The reconnect could not be delivered within ${deliverWithin}, and is not tried again. The last attempt failed: ${detail}`,
  },
  delivery_poisoned: {
    code: 'DeliveryFailed',
    text: () =>
      'The delivery of this alert failed repeatedly with an unexpected error, and is not tried again. The log of this app has the details.',
  },
}
