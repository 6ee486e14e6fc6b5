import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { link, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { PROJECT_ROOT, type LocalInfo, type SandboxInfo } from './create-sandbox.ts'
import { UsageError } from './command.ts'

/** Not in the repository. `info.json` belongs to the sandbox that was started first, `info-<port>.json` to others that run beside it. */
const FOLDER = join(PROJECT_ROOT, '.sandbox')
const FIRST = 'info.json'
const ALIVE_TIMEOUT_MS = 2_000

export interface InfoFile {
  readonly path: string
  /** Synchronous, so that it can be the last thing that a process does. Leaves the file alone when another process has replaced it. */
  remove(): void
}

/** For `--info FILE`: the members of the contract's section 10 and no others. Replaces a file that exists. */
export async function writeInfoFile(path: string, info: LocalInfo): Promise<InfoFile> {
  const file = resolve(path)
  const { control: _control, webhookSecrets: _secrets, ...members } = info
  return putInPlace(file, members satisfies SandboxInfo, rename)
}

/** For the sandbox's own commands. Never takes the file of another sandbox that still answers. */
export async function claimInfoFile(info: LocalInfo, folder = FOLDER): Promise<InfoFile> {
  const names = [FIRST, `info-${new URL(info.proxy).port}.json`]
  for (const name of names) {
    const file = join(folder, name)
    const owner = await readInfo(file)
    if (owner !== undefined && owner.control !== info.control && (await isAlive(owner))) continue
    if (owner !== undefined) await removeStale(file, owner)
    try {
      // A link fails where the file exists: two sandboxes that start at the same time cannot both have it.
      return await putInPlace(file, info, async (draft) => {
        await link(draft, file)
        await rm(draft)
      })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  throw new Error(`Both ${names.join(' and ')} in ${folder} belong to other sandboxes.`)
}

/** What `token` and `alert` work with: the given file, or that of the sandbox that runs in this folder. Refuses with the reason. */
export async function findSandbox(path: string | undefined, folder = FOLDER): Promise<LocalInfo> {
  if (path === undefined) return findDefault(folder)
  const info = await readInfo(resolve(path))
  if (info === undefined) throw new UsageError(`There is no info file ${path}. Is the sandbox running ("npm start")?`)
  // A file of `--info` lacks what only the sandbox's own file has.
  const own = info.control === undefined ? (await readOwn(folder)).find(({ proxy }) => proxy === info.proxy) : info
  if (own === undefined) throw new UsageError(`The sandbox of ${path} was not started in this folder, or has ended.`)
  return own as LocalInfo
}

async function findDefault(folder: string): Promise<LocalInfo> {
  const running = await readOwn(folder)
  const [only] = running
  if (only === undefined) throw new UsageError('No sandbox is running in this folder: start one with "npm start".')
  const first = running.find(({ path }) => basename(path) === FIRST)
  if (first === undefined && running.length > 1)
    throw new UsageError(
      `Several sandboxes are running: choose one with --info, of ${running.map(({ path }) => shown(path)).join(', ')}.`,
    )
  return first ?? only
}

async function readOwn(folder: string): Promise<readonly (LocalInfo & { readonly path: string })[]> {
  const names = await readdir(folder).catch(() => [])
  const found = []
  for (const name of names.filter((one) => /^info(?:-[0-9]+)?\.json$/.test(one))) {
    const path = join(folder, name)
    const info = await readInfo(path)
    if (info?.control !== undefined) found.push({ ...(info as LocalInfo), path })
  }
  return found
}

/** As it is written in a command: from the project's folder, with forward slashes. */
export function shown(path: string): string {
  return relative(PROJECT_ROOT, path).replaceAll('\\', '/')
}

export function isFirst({ path }: InfoFile): boolean {
  return basename(path) === FIRST
}

/** Written whole or not at all, readable by its owner only: it contains tokens. */
async function putInPlace(
  file: string,
  info: SandboxInfo,
  place: (draft: string, file: string) => Promise<void>,
): Promise<InfoFile> {
  const text = `${JSON.stringify(info, null, 2)}\n`
  const draft = `${file}.${randomUUID()}.tmp`
  await mkdir(dirname(file), { recursive: true })
  await writeFile(draft, text, { mode: 0o600 })
  try {
    await place(draft, file)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
  return {
    path: file,
    remove() {
      if (!existsSync(file) || readFileSync(file, 'utf8') !== text) return
      rmSync(file)
      if (dirname(file) === FOLDER && readdirSync(FOLDER).length === 0) rmdirSync(FOLDER)
    },
  }
}

/** Undefined where there is no such file. */
async function readInfo(file: string): Promise<(SandboxInfo & Partial<LocalInfo>) | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as SandboxInfo & Partial<LocalInfo>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error instanceof SyntaxError ? new UsageError(`${file} is not an info file: ${error.message}`) : error
  }
}

/** Removes the file unless another sandbox has replaced it since it was read. */
async function removeStale(file: string, owner: Partial<LocalInfo>): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`
  try {
    await rename(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if ((await readInfo(aside))?.control !== owner.control) await link(aside, file).catch(() => undefined)
  await rm(aside)
}

/** A sandbox that was killed leaves its file behind. */
async function isAlive({ control }: Partial<LocalInfo>): Promise<boolean> {
  if (control === undefined) return false
  return fetch(new URL('/state', control), { signal: AbortSignal.timeout(ALIVE_TIMEOUT_MS) }).then(
    ({ ok }) => ok,
    () => false,
  )
}
