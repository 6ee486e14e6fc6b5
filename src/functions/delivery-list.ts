import { readNoParameters } from '../http/query-parameters.ts'
import { json } from '../http/reply.ts'
import { readCredentials } from '../http/request-credentials.ts'
import { listDeliveries } from '../reconnect/list-deliveries.ts'
import { readFunction } from './read-function.ts'

/** `GET /webhooks/{webhook}/deliveries`: the last ones that did not act, newest first (contract, section 11). */
export const deliveryList = readFunction(
  ({ app, request, deadline }) =>
    listDeliveries(
      readCredentials(request.headers),
      request.params['webhook'] ?? '',
      () => readNoParameters(request.query),
      deadline,
      app.deliveryListPorts,
    ),
  (deliveries) => json(200, { value: deliveries }),
)
