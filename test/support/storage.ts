import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** The variable with the path of the file that lists the run's accounts. A test that runs alone starts an emulator of its own. */
const OFFER = 'RECONNECT_TEST_STORAGE'

export function offerStorage(connectionStrings: readonly string[]): void {
  const file = join(mkdtempSync(join(tmpdir(), 'apim-reconnect-accounts-')), 'accounts.json')
  writeFileSync(file, JSON.stringify(connectionStrings), { mode: 0o600 })
  process.env[OFFER] = file
}

export function withdrawStorage(): void {
  const file = process.env[OFFER]
  if (file !== undefined) rmSync(dirname(file), { recursive: true, force: true })
}

/** An account that no other test uses. Undefined if the run offers none. */
export function claimStorage(): string | undefined {
  const file = process.env[OFFER]
  if (file === undefined) return undefined
  const accounts = JSON.parse(readFileSync(file, 'utf8')) as readonly string[]
  for (const [index, connectionString] of accounts.entries()) {
    try {
      // Only one process can create this file, which claims the account.
      closeSync(openSync(join(dirname(file), String(index)), 'wx'))
      return connectionString
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  throw new Error('all storage accounts of this run are taken: raise ACCOUNTS in global-setup.ts')
}
