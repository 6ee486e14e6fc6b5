/**
 * What reads the description of this app: two linters, and clients made by four generators, which compile and tell a small story against
 * the sandbox. `npm run test:clients`; not part of `npm test`, because the readers are restored from the registries (140 MB) into a cache.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { PROJECT_ROOT, type SandboxInfo } from '../../sandbox/create-sandbox.ts'
import { DESCRIBED_FUNCTIONS, openApiDocument } from '../../src/http/openapi/document.ts'
import { toOpenApi30 } from '../../src/http/openapi/to-openapi-3-0.ts'
import { startSandbox } from '../support/start-sandbox.ts'

const TOOLS = join(import.meta.dirname, 'tools')
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'apim-reconnect')
const QUIET = { DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1', REDOCLY_TELEMETRY: 'off' }
/** Restoring and compiling depend on network and machine: this only ends what hangs. */
const PATIENCE_MS = 10 * 60_000
/** The document of the contract's whole surface, also of routes that are not registered yet. */
const WHOLE = openApiDocument({
  apiVersions: { supported: ['2022-08-01', '2024-05-01'], fallback: '2024-05-01' },
  publicUrl: 'https://reconnect.contoso.example',
  functions: DESCRIBED_FUNCTIONS,
})

interface Ran {
  readonly code: number
  readonly output: string
}

let folder = ''
/** Why something is not there to run; said by every test that needs it. */
let withoutNpm: string | undefined
let withoutDotnet: string | undefined

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = folder): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      cwd,
      env: { ...process.env, ...QUIET, ...env },
      timeout: PATIENCE_MS,
      maxBuffer: 32 * 1024 * 1024,
    }
    execFile(command, [...args], options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({
        code,
        output: `${stdout}${stderr}${error !== null && stdout === '' && stderr === '' ? error.message : ''}`,
      })
    })
  })
}

async function succeeds(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { code, output } = await run(command, args, env)
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${output}`)
  return output
}

const npmTool = (name: string, ...args: readonly string[]): Promise<string> =>
  succeeds(join(folder, '..', 'node_modules', '.bin', name), args)

/** Names the folder by what is in it: another version of a tool is another folder. */
async function digestOfTools(): Promise<string> {
  const hash = createHash('sha256')
  for (const name of ['package.json', '.config/dotnet-tools.json']) hash.update(await readFile(join(TOOLS, name)))
  return hash.digest('hex').slice(0, 16)
}

/** Restores the tools beside the cache and moves them in whole, so that two runs at once do not meet. */
async function restoreTools(): Promise<string> {
  const target = join(CACHE, `openapi-readers-${await digestOfTools()}`)
  if (existsSync(target)) return target
  await mkdir(CACHE, { recursive: true })
  const draft = await mkdtemp(join(CACHE, 'draft-'))
  await cp(join(TOOLS, 'package.json'), join(draft, 'package.json'))
  await cp(join(TOOLS, '.config'), join(draft, '.config'), { recursive: true })
  const npm = await run(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock'],
    {},
    draft,
  )
  if (npm.code !== 0) {
    await rm(draft, { recursive: true, force: true })
    throw new Error(`the npm packages could not be restored: ${npm.output.slice(-500)}`)
  }
  await rename(draft, target).catch(() => rm(draft, { recursive: true, force: true }))
  return target
}

before(async () => {
  const cache = await restoreTools().catch((error: unknown) => {
    withoutNpm = String(error)
    return mkdtemp(join(CACHE, 'without-'))
  })
  folder = await mkdtemp(join(cache, 'run-'))
  for (const name of await readdir(TOOLS)) if (!name.startsWith('.')) await cp(join(TOOLS, name), join(folder, name))
  if (withoutNpm !== undefined) await cp(join(TOOLS, '.config'), join(folder, '.config'), { recursive: true })
  const dotnet = await run('dotnet', ['tool', 'restore'])
  if (dotnet.code !== 0)
    withoutDotnet = `dotnet is not there, or its tools could not be restored: ${dotnet.output.slice(-500)}`
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(WHOLE))
  await writeFile(join(folder, 'openapi-3.0.json'), JSON.stringify(toOpenApi30(WHOLE)))
})

// Without the packages the cache folder itself was made for this run only.
after(() => rm(withoutNpm === undefined ? folder : dirname(folder), { recursive: true, force: true }))

/** A check that does not run says so where it cannot be overlooked. */
function needs(t: TestContext, missing: string | undefined): boolean {
  if (missing === undefined) return true
  console.error(`DID NOT RUN: ${t.name}: ${missing}`)
  t.skip(`did not run: ${missing}`)
  return false
}

describe('linters find nothing', () => {
  for (const name of ['openapi.json', 'openapi-3.0.json']) {
    it(`Redocly CLI, recommended rules, in ${name}`, async (t) => {
      if (!needs(t, withoutNpm)) return
      const output = await npmTool('redocly', 'lint', name, '--format=json')
      const { totals } = JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as {
        totals: object
      }
      assert.deepEqual(totals, { errors: 0, warnings: 0, ignored: 0 }, output)
    })

    it(`Spectral, rules for OpenAPI, in ${name}`, async (t) => {
      if (!needs(t, withoutNpm)) return
      await writeFile(join(folder, '.spectral.yaml'), 'extends: ["spectral:oas"]\n')
      await npmTool('spectral', 'lint', name, '--fail-severity=hint', '--ruleset=.spectral.yaml')
    })
  }

  it('Spectral finds what is wrong', async (t) => {
    if (!needs(t, withoutNpm)) return
    await writeFile(join(folder, 'broken.json'), JSON.stringify({ ...WHOLE, tags: undefined, servers: [] }))
    const spectral = join(folder, '..', 'node_modules', '.bin', 'spectral')
    assert.notEqual(
      (await run(spectral, ['lint', 'broken.json', '--fail-severity=hint', '--ruleset=.spectral.yaml'])).code,
      0,
    )
  })
})

describe('generated clients compile and reconnect', async () => {
  const sandbox = await startSandbox({ after })
  const { info, azure } = sandbox

  /** Runs a story, and checks what ARM received of it. */
  async function tell(command: string, args: readonly string[], clients: readonly string[]): Promise<void> {
    azure.journal.clear()
    const backends = clients.flatMap((client) => [1, 2].map((at) => freshBackend(info, `${client}-${at}`)))
    for (const backend of backends) azure.addBackend(backend)
    const output = await succeeds(command, args, {
      STORY_PROXY: info.proxy,
      STORY_TOKEN: info.tokens.operator,
      STORY_BACKENDS: backends.join(' '),
    })
    const told = output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { client: string; state: string; after: string; refused: string })
    assert.deepEqual(
      told.map(({ client }) => client),
      clients,
      output,
    )
    for (const { client, state, refused } of told)
      assert.deepEqual([state.toLowerCase(), refused], ['forwarded', 'InvalidQueryParameterValue'], client)
    const asked = azure.journal.effects().filter(({ after: given }) => given === 'PT5M')
    assert.equal(asked.length, clients.length, 'each client has sent the duration as ISO 8601')
  }

  it('openapi-typescript with openapi-fetch', async (t) => {
    if (!needs(t, withoutNpm)) return
    await npmTool('openapi-typescript', 'openapi.json', '-o', 'openapi-typescript.gen.ts')
    await rm(join(folder, 'hey-api.gen'), { recursive: true, force: true })
    await compile('openapi-fetch.story.ts')
    await tell(process.execPath, ['openapi-fetch.story.ts'], ['openapi-typescript'])
  })

  it('hey-api', async (t) => {
    if (!needs(t, withoutNpm)) return
    await npmTool('openapi-ts', '-i', 'openapi.json', '-o', 'hey-api.gen')
    await compile('hey-api.story.ts')
    const bundle = join(PROJECT_ROOT, 'node_modules', '.bin', 'esbuild')
    await succeeds(bundle, ['hey-api.story.ts', '--bundle', '--platform=node', '--format=esm', '--outfile=hey-api.mjs'])
    await tell(process.execPath, ['hey-api.mjs'], ['hey-api'])
  })

  it('Kiota (3.1) and NSwag (3.0), in C#', async (t) => {
    if (!needs(t, withoutDotnet)) return
    await succeeds('dotnet', [
      'kiota',
      'generate',
      '--language=csharp',
      '--openapi=openapi.json',
      '--output=Kiota',
      '--class-name=ReconnectClient',
      '--namespace-name=Reconnect.Kiota',
      '--log-level=Error',
    ])
    await succeeds('dotnet', [
      'nswag',
      'openapi2csclient',
      '/input:openapi-3.0.json',
      '/output:NSwag/Client.cs',
      '/namespace:Reconnect.NSwag',
      '/className:ReconnectClient',
      '/generateOptionalParameters:true',
    ])
    // Without the servers that would stay for ten minutes.
    const alone = ['-nodeReuse:false', '-p:UseSharedCompilation=false']
    await succeeds('dotnet', ['build', 'clients.csproj', '--nologo', '-v', 'quiet', '-o', 'built', ...alone])
    await tell('dotnet', ['built/clients.dll'], ['kiota', 'nswag'])
  })

  async function compile(story: string): Promise<void> {
    const base = JSON.parse(await readFile(join(folder, 'tsconfig.json'), 'utf8')) as object
    await writeFile(join(folder, 'tsconfig.one.json'), JSON.stringify({ ...base, include: [story, 'globals.d.ts'] }))
    await npmTool('tsc', '-p', 'tsconfig.one.json')
  }
})

function freshBackend(info: SandboxInfo, name: string): string {
  return (info.backends[0] ?? '').replace(/[^/]+$/, name)
}
