/** Names in the storage account. `RECONNECT_STORAGE_PREFIX` stands in front of each of them (contract, section 8). */
export const TABLES = { backends: 'reconnects', history: 'reconnecthistory' } as const

const QUEUE = 'reconnects'

/** The second queue belongs to the Functions host, which moves there what failed too often: its name follows from the first one's. */
export function queueNames(prefix: string): { readonly deliver: string; readonly poison: string } {
  return { deliver: `${prefix}${QUEUE}`, poison: `${prefix}${QUEUE}-poison` }
}
