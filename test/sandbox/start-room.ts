import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'

/** A command in bash, in the project's folder. */
export async function run(command: string): Promise<{ stdout: string; stderr: string; code: number }> {
  try {
    return { ...(await promisify(execFile)('bash', ['-c', command], { cwd: PROJECT_ROOT, timeout: 30_000 })), code: 0 }
  } catch (error) {
    return error as { stdout: string; stderr: string; code: number }
  }
}

/** Files in `.sandbox` of the sandbox with this switchboard. */
export async function ownFiles(control: string): Promise<string[]> {
  const folder = join(PROJECT_ROOT, '.sandbox')
  const found = []
  for (const name of await readdir(folder).catch(() => [])) {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    if (text.includes(`"${control}"`)) found.push(join(folder, name))
  }
  return found
}

/** The two children of a sandbox. */
export async function childrenOf(pid: number): Promise<{ readonly app: number; readonly storage: number }> {
  const { stdout } = await run('ps -A -o pid=,ppid=,args=')
  const children = stdout
    .split('\n')
    .map((line) => /^\s*([0-9]+)\s+([0-9]+)\s+(.*)$/.exec(line))
    .filter((match) => Number(match?.[2]) === pid)
  assert.equal(children.length, 2)
  const one = (program: string): number =>
    Number(children.find((match) => match?.[3]?.includes(program))?.[1] ?? assert.fail(program))
  return { app: one('host/main.ts'), storage: one('storage-main.ts') }
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
