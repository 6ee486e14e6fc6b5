/**
 * `npm run build [-- --policy FILE]`: writes `deploy/`, the whole folder that is deployed. Nothing is built or installed on the server.
 *
 * The policy is FILE, else what the environment variable RECONNECT_BUILD_POLICY names (azd passes its environment to the build),
 * else policy.json beside this file, if there. A policy that the app would refuse at its start is refused here.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build, type BuildOptions, type Plugin } from 'esbuild'
import { LEAVE_OUT } from './bundle/leave-out.ts'
import { LOAD_LATE } from './bundle/load-late.ts'
import { parsePolicy } from './src/policy/policy-document.ts'

const DEPLOY = 'deploy'
/** Of all packages that are bundled, and of those in the page. */
const LICENCES = 'LICENCES.txt'
/** Of the developer, not of the build: Functions Core Tools read it beside host.json, and no deployment tool uploads it. */
const KEPT = new Set(['local.settings.json'])

/**
 * One CommonJS bundle in parts, because V8 scans a whole file before it runs the first line.
 * `index` registers the functions and is all that a start loads. `application` and `azure-sdk` are loaded once with `import()`, a moment later;
 * `azure-queue` for the first alert; `console-files` with the first request for the page; `developer-sign-in` outside Azure; `azure-xml` where
 * table storage answers in XML.
 */
const PARTS = {
  index: 'src/index.ts',
  application: 'src/functions/handle.ts',
  'azure-sdk': 'src/azure-sdk.ts',
  'azure-xml': '@azure/core-xml',
  'azure-queue': 'src/azure-queue.ts',
  'developer-sign-in': 'src/developer-sign-in.ts',
  'console-files': 'src/console-files.ts',
}

const PARTS_STAND_ALONE: Plugin = {
  name: 'parts-stand-alone',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const part = Object.entries(PARTS).find(([, source]) => resolve(source) === resolve(resolveDir, path))
      if (part === undefined)
        throw new Error(
          `'${path}' is imported with import() but is not a part of the bundle: add it to PARTS in build.ts`,
        )
      return { path: `./${part[0]}.cjs`, external: true }
    })
  },
}

/** `import()` of a part becomes `require`, which V8's compile cache serves. */
const COMMON = {
  outdir: DEPLOY,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  supported: { 'dynamic-import': false },
  // The worker provides this module; it must not be bundled.
  external: ['@azure/functions-core'],
  plugins: [PARTS_STAND_ALONE, ...LOAD_LATE, ...LEAVE_OUT],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
} as const satisfies BuildOptions

interface ConsoleBuild {
  /** By name: in base64, to become text in the bundle. */
  readonly files: Readonly<Record<string, string>>
  /** Files that the script is made of. */
  readonly inputs: readonly string[]
}

/** The console's page, script and style sheet: minified, and compressed once, here. */
async function buildConsole(): Promise<ConsoleBuild> {
  const { outputFiles, metafile } = await build({
    entryPoints: { app: 'src/console/main.tsx', style: 'src/console/style.css' },
    outdir: 'console',
    write: false,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
    tsconfig: 'src/console/tsconfig.json',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  })
  const outputs = outputFiles.map(({ path, contents }) => [basename(path), contents] as const)
  const all = [['index.html', readFileSync('src/console/index.html')] as const, ...outputs]
  const compressed = all.map(([name, contents]) => [name, gzipSync(contents, { level: 9 }).toString('base64')])
  return { files: Object.fromEntries(compressed) as Record<string, string>, inputs: Object.keys(metafile.inputs) }
}

/** The licence of each package that one of the files belongs to. */
function licencesOf(files: readonly string[]): string {
  const folders = files.flatMap((file) => /^(?:[^:]*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [])
  return [...new Set(folders)].toSorted().map(licenceOf).join('\n')
}

/** Its file, or else what package.json names. */
function licenceOf(folder: string): string {
  const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { license?: string }
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
  const text = file === undefined ? license : readFileSync(join(folder, file), 'utf8')
  if (text === undefined) throw new Error(`${folder} is in the bundle and names no licence`)
  return `${folder.replace('node_modules/', '')}\n\n${text}\n`
}

const { application, ...foreign } = PARTS
const policy = readPolicy()
mkdirSync(DEPLOY, { recursive: true })
const page = await buildConsole()
const define = { CONSOLE_FILES: JSON.stringify(page.files) }
// Our own functions keep their names for stack traces. The libraries' names are shortened, because V8 scans all of them.
const results = await Promise.all([
  build({ ...COMMON, entryPoints: { application } }),
  build({ ...COMMON, entryPoints: foreign, minifyIdentifiers: true, define }),
])
const bundled = results.flatMap(({ metafile }) =>
  Object.keys(metafile.outputs).map((path) => path.slice(DEPLOY.length + 1)),
)
copyFileSync('host.json', join(DEPLOY, 'host.json'))
const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs))
writeFileSync(join(DEPLOY, LICENCES), licencesOf([...inputs, ...page.inputs]))
writeFileSync(join(DEPLOY, 'package.json'), packageJson())
if (policy !== undefined) writeFileSync(join(DEPLOY, 'policy.json'), policy)
// Last, and only what this build has not written: an app that runs from the folder finds its parts at every moment.
const written = new Set([
  ...bundled,
  LICENCES,
  'host.json',
  'package.json',
  ...(policy === undefined ? [] : ['policy.json']),
])
for (const name of readdirSync(DEPLOY))
  if (!written.has(name) && !KEPT.has(name)) rmSync(join(DEPLOY, name), { recursive: true })

/** No scripts and no dependencies: a server that sees them would run and install them. */
function packageJson(): string {
  const { name, version } = JSON.parse(readFileSync('package.json', 'utf8')) as { name: string; version: string }
  return `${JSON.stringify({ name, version, main: 'index.cjs' }, undefined, 2)}\n`
}

function readPolicy(): string | undefined {
  const { values } = parseArgs({ options: { policy: { type: 'string' } } })
  const named = values.policy ?? (process.env['RECONNECT_BUILD_POLICY'] || undefined)
  if (named === undefined && !existsSync('policy.json')) return undefined
  const file = named ?? 'policy.json'
  if (!existsSync(file)) return refuse(`there is no policy file ${file}`)
  const text = readFileSync(file, 'utf8')
  const policy = parsePolicy(text)
  if (policy.ok) return text
  const problems = policy.error.map(
    ({ path, expectation, example }) => `  ${path || 'the document'}: expected ${expectation}, such as ${example}`,
  )
  return refuse([`the app would refuse the policy ${file}:`, ...problems].join('\n'))
}

function refuse(message: string): never {
  process.stderr.write(`build.ts: ${message}\n`)
  process.exit(1)
}
