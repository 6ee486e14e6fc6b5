import type { DeliveryLog, Pauses } from '../../src/reconnect/operator-ports.ts'

/** For stories that are about something else. */
export const NO_PAUSES: Pick<Pauses, 'find'> = { find: () => Promise.resolve({ kind: 'none' }) }
export const NO_DELIVERIES: Pick<DeliveryLog, 'note'> = { note: () => undefined }
