import { startStorage, type Storage } from '../../sandbox/azure/storage.ts'
import { offerStorage, withdrawStorage } from './storage.ts'

/** More than there are sandboxes in all the tests: every one has an account of its own, so that none sees what another has written. */
const ACCOUNTS = 400

let storage: Storage | undefined

/** One storage emulator for a whole run: starting it is most of what starting a sandbox costs. */
export async function globalSetup(): Promise<void> {
  storage = await startStorage({ accounts: ACCOUNTS })
  offerStorage(storage.connectionStrings)
}

export async function globalTeardown(): Promise<void> {
  withdrawStorage()
  await storage?.stop()
}
