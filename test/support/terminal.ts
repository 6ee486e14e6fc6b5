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

/** Runs bash in a folder, as in a terminal, but without HTTP proxies between curl and the loopback address. */
export async function bash(
  command: string,
  cwd = PROJECT_ROOT,
  env: NodeJS.ProcessEnv = {},
  timeoutMs = 60_000,
): Promise<Run> {
  try {
    return {
      code: 0,
      ...(await promisify(execFile)('bash', ['-c', command], {
        cwd,
        timeout: timeoutMs,
        env: { ...process.env, NO_PROXY: '*', no_proxy: '*', ...env },
      })),
    }
  } catch (error) {
    return error as Run
  }
}

/** A clone after npm ci: the sources in a folder of their own, without another sandbox's `.sandbox`. */
export async function freshTree(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'clone-'))
  for (const name of ['package.json', 'host.json', 'build.ts', 'bundle', 'tsconfig.json', 'src', 'sandbox'])
    await cp(join(PROJECT_ROOT, name), join(folder, name), { recursive: true })
  await symlink(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** Ctrl-C in a terminal: SIGINT for every process of the group. */
export function stopGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // The group has ended already.
  }
}
