import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fromHere } from './app-environment.ts'
import { startAppProcess, type AppProcess, type AppProcessOptions } from './app-process.ts'
import { APP_ROOT, PROJECT_ROOT } from './create-sandbox.ts'
import { UsageError } from './command.ts'

/**
 * The built app against the real Azure: `Values` of local.settings.json under the environment, as Core Tools reads them, and the
 * developer credential (`az login`, …) that the app finds. No simulation, no TLS front end.
 */
export async function startAgainstAzure(
  options: Pick<AppProcessOptions, 'port' | 'orFreePort' | 'onLog' | 'onOutput'>,
): Promise<AppProcess> {
  const values = await readLocalSettings(join(PROJECT_ROOT, 'local.settings.json'))
  const environment = fromHere({ ...values, ...process.env })
  return startAppProcess({ ...options, appRoot: APP_ROOT, environment })
}

async function readLocalSettings(path: string): Promise<Record<string, string>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    throw new UsageError('There is no local.settings.json: copy local.settings.sample.json and fill it in.')
  }
  try {
    const settings = JSON.parse(text) as { IsEncrypted?: boolean; Values?: Record<string, string> }
    if (settings.IsEncrypted === true)
      throw new UsageError('local.settings.json is encrypted: run "func settings decrypt" first.')
    return settings.Values ?? {}
  } catch (error) {
    throw error instanceof UsageError
      ? error
      : new UsageError(`local.settings.json is not JSON: ${(error as Error).message}`)
  }
}
