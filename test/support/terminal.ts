import { execFile } from 'node:child_process'
import { cp, mkdtemp, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** As in a terminal: bash, in this folder. Only no proxy of the machine's may stand between curl and the loopback address. */
export async function bash(command: string, cwd = PROJECT_ROOT, env: NodeJS.ProcessEnv = {}): Promise<Run> {
  try {
    return {
      code: 0,
      ...(await promisify(execFile)('bash', ['-c', command], {
        cwd,
        timeout: 60_000,
        env: { ...process.env, NO_PROXY: '*', no_proxy: '*', ...env },
      })),
    }
  } catch (error) {
    return error as Run
  }
}

/** What a clone has after npm ci: the sources in a folder of their own, so that no other sandbox's `.sandbox` is in the way. */
export async function freshTree(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clone-'))
  for (const name of ['package.json', 'host.json', 'build.ts', 'tsconfig.json', 'src', 'sandbox'])
    await cp(join(PROJECT_ROOT, name), join(folder, name), { recursive: true })
  await symlink(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** What a terminal does on Ctrl-C: every process of the group is told. */
export function stopGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has ended.
  }
}
