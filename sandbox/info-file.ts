import { existsSync, readFileSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { PROJECT_ROOT, type SandboxInfo } from './create-sandbox.ts'

/** Where a running sandbox can always be found from this project; not in the repository. */
export const DEFAULT_INFO_FILE = join(PROJECT_ROOT, '.sandbox', 'info.json')

export interface InfoFile {
  /** Synchronous, so that it can be the last thing a process does. Leaves a file alone that another sandbox has written since. */
  remove(): void
}

/** Writes the file whole or not at all, readable by its owner only: it holds tokens. */
export async function writeInfoFile(path: string, info: SandboxInfo): Promise<InfoFile> {
  const file = resolve(path)
  const text = `${JSON.stringify(info, null, 2)}\n`
  const draft = `${file}.${process.pid}.tmp`
  await mkdir(dirname(file), { recursive: true })
  await writeFile(draft, text, { mode: 0o600 })
  await rename(draft, file)
  return {
    remove() {
      if (!existsSync(file) || readFileSync(file, 'utf8') !== text) return
      rmSync(file)
      if (file === DEFAULT_INFO_FILE && readdirSync(dirname(file)).length === 0) rmdirSync(dirname(file))
    },
  }
}

export async function readInfoFile(path: string): Promise<SandboxInfo | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as SandboxInfo
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
