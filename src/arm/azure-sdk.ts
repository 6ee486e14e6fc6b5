/**
 * Everything that needs the Azure SDKs' code, behind one door: it is most of what is deployed, and is read with `import()` when the first
 * reconnect is sent, or by the warm-up.
 */
export { createClientPool } from './client-pool.ts'
export { createCredential } from './credential.ts'
export { sendReconnect } from './send-reconnect.ts'
