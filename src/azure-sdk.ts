/**
 * Everything that needs the Azure SDKs' code, behind one door: it is most of what is deployed, and is read with `import()` when the first
 * request needs it, or by the warm-up.
 */
export { createClientPool } from './arm/client-pool.ts'
export { sendReconnect } from './arm/send-reconnect.ts'
export { openQueues } from './delivery/open-queue.ts'
export { createCredential } from './managed-identity/credential.ts'
export { openTables } from './storage/tables.ts'
