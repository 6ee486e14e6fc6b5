import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import { offerStorage, withdrawStorage } from './storage.ts'

/** More than the sandboxes of all tests: each has an account of its own and sees no other's data. */
const ACCOUNTS = 400

let storage: Storage | undefined

/** One storage emulator for the whole run, since its start is the slowest part of starting a sandbox. */
export async function globalSetup(): Promise<void> {
  storage = await startStorage({ accounts: ACCOUNTS })
  offerStorage(storage.connectionStrings)
}

export async function globalTeardown(): Promise<void> {
  withdrawStorage()
  await storage?.stop()
}
