import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type BuildOptions } from 'esbuild'

export const PROJECT_ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The programs in `processes/`. Each runs in a process of its own. */
const PROGRAMS = [
  'arm',
  'bare-answer',
  'bare-forward',
  'bare-queue',
  'bare-sdk',
  'first-reconnect',
  'host',
  'load',
  'registered',
  'storage-counter',
] as const
export type Program = (typeof PROGRAMS)[number]

/** A temporary folder with everything that is measured, except the built app. */
export interface Workspace {
  readonly folder: string
  /** The same app without bundling, as the TypeScript template for Functions has it. */
  readonly unbundledApp: string
  /** A function app that calls the SDK and does nothing else. */
  readonly bareApp: string
  pathOf(program: Program): string
  /** An empty folder. */
  fresh(): string
  remove(): void
}

/** Plain JavaScript, since stripping types is not to be measured. Packages are found in the project's node_modules. */
const PLAIN: BuildOptions = {
  bundle: true,
  packages: 'external',
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  logLevel: 'warning',
}

export async function createWorkspace(): Promise<Workspace> {
  const folder = mkdtempSync(join(tmpdir(), 'apim-reconnect-bench-'))
  const programs = join(folder, 'programs')
  const unbundledApp = join(folder, 'unbundled')
  const bareApp = join(folder, 'bare')
  symlinkSync(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
  await build({
    ...PLAIN,
    entryPoints: Object.fromEntries(
      PROGRAMS.map((name) => [name, join(PROJECT_ROOT, 'bench/processes', `${name}.ts`)]),
    ),
    outdir: programs,
    outExtension: { '.js': '.cjs' },
  })
  await buildUnbundledApp(unbundledApp)
  await buildApp(bareApp, { entryPoints: [join(PROJECT_ROOT, 'bench/processes/bare-function.ts')] })
  return {
    folder,
    unbundledApp,
    bareApp,
    pathOf: (program) => join(programs, `${program}.cjs`),
    fresh: () => mkdtempSync(join(folder, 'tmp-')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/**
 * The app's own sources with every package in node_modules and everything imported at once: the modules that the app imports late are
 * named first. Our sources are one file here, which makes this side faster than a real one.
 */
async function buildUnbundledApp(folder: string): Promise<void> {
  const upFront = [
    'src/functions/handle.ts',
    'src/azure-sdk.ts',
    'src/azure-queue.ts',
    'src/developer-sign-in.ts',
    'src/index.ts',
  ]
  await buildApp(folder, {
    stdin: { contents: upFront.map((path) => `import './${path}'`).join('\n'), resolveDir: PROJECT_ROOT },
  })
}

async function buildApp(folder: string, source: BuildOptions): Promise<void> {
  mkdirSync(folder)
  await build({ ...PLAIN, ...source, outfile: join(folder, 'index.cjs') })
  await copyFile(join(PROJECT_ROOT, 'host.json'), join(folder, 'host.json'))
  await writeFile(join(folder, 'package.json'), JSON.stringify({ main: 'index.cjs' }))
}

/** Returns the path of the new file. */
export function writeInto(workspace: Workspace, name: string, text: string): string {
  const path = join(workspace.folder, name)
  writeFileSync(path, text)
  return path
}
