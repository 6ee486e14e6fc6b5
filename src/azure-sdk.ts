/**
 * The SDKs' code that a reconnect needs, in one part: it is most of what is deployed, and is read with `import()` when the first request
 * needs it, or by the warm-up.
 */
export { createClientPool } from './arm/client-pool.ts'
export { sendReconnect } from './arm/send-reconnect.ts'
export { createManagedIdentity } from './managed-identity/managed-identity.ts'
export { openTables } from './storage/tables.ts'
