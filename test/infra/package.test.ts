/** The deployed folder: what `npm run build` writes is all that the app needs, and all that azd and Core Tools upload. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { fromHere } from '../../sandbox/app-environment.ts'
import { APP_ROOT, PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { assertAccepted, startConversation } from '../conformance/conversation.ts'
import { bash, freshTree } from '../support/terminal.ts'

const POLICY = '{"grants":[]}'
const SOFTWARE = [
  'LICENCES.txt',
  'application.cjs',
  'azure-queue.cjs',
  'azure-sdk.cjs',
  'azure-xml.cjs',
  'console-files.cjs',
  'developer-sign-in.cjs',
  'host.json',
  'index.cjs',
  'package.json',
]

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'package-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Sources and packages in a folder of their own, and a way to build there. */
async function workshop(t: TestContext) {
  const folder = await freshTree()
  t.after(() => rm(folder, { recursive: true, force: true }))
  return {
    folder,
    build: (more = '', env: NodeJS.ProcessEnv = {}) => bash(`npm run --silent build -- ${more}`, folder, env),
    read: (name: string) => readFile(join(folder, 'deploy', name), 'utf8'),
    list: async () => (await readdir(join(folder, 'deploy'))).toSorted(),
  }
}

describe('deploy/', () => {
  it('has the bundle, its licences, host.json and a package.json, and nothing else but a policy', async () => {
    const names = (await readdir(APP_ROOT)).filter((name) => name !== 'local.settings.json' && name !== 'policy.json')
    assert.deepEqual(names.toSorted(), SOFTWARE)
  })

  it('has a package.json of three members: a server that sees scripts or dependencies would run and install them', async () => {
    const own = JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
      name: string
      version: string
    }
    assert.deepEqual(JSON.parse(await readFile(join(APP_ROOT, 'package.json'), 'utf8')), {
      name: own.name,
      version: own.version,
      main: 'index.cjs',
    })
  })

  it('starts and serves alone: copied elsewhere, with no node_modules above it', async (t) => {
    const appRoot = await temporaryFolder(t)
    await cp(APP_ROOT, appRoot, { recursive: true })
    for (let folder = appRoot; folder !== dirname(folder); folder = dirname(folder))
      assert.equal(existsSync(join(folder, 'node_modules')), false, folder)
    const room = await startConversation(t, { appRoot })
    assertAccepted(await room.reconnect())
    await room.untilReady()
  })
})

describe('a policy file that the user names', () => {
  it('is looked for in the folder of the user, although the app runs from deploy/', () => {
    const named = fromHere({ RECONNECT_POLICY_FILE: 'my/policy.json', OTHER: 'x' })
    assert.deepEqual(named, { RECONNECT_POLICY_FILE: join(process.cwd(), 'my/policy.json'), OTHER: 'x' })
    assert.deepEqual(fromHere({ OTHER: 'x' }), { OTHER: 'x' })
  })
})

describe('npm run build', () => {
  it('takes the policy that is named, by an option or by the environment, and else none', async (t) => {
    const { folder, build, list, read } = await workshop(t)
    await writeFile(join(folder, 'prod.json'), POLICY)
    assert.deepEqual(await build('--policy prod.json', { RECONNECT_BUILD_POLICY: 'none.json' }), {
      code: 0,
      stdout: '',
      stderr: '',
    })
    assert.deepEqual(await list(), [...SOFTWARE, 'policy.json'])
    assert.equal(await read('policy.json'), POLICY)

    // What an earlier build has left is removed, the developer's settings are not.
    await writeFile(join(folder, 'deploy/old.cjs'), '')
    await writeFile(join(folder, 'deploy/local.settings.json'), '{}')
    assert.equal((await build()).code, 0)
    assert.deepEqual(await list(), [...SOFTWARE, 'local.settings.json'].toSorted())
  })

  it('refuses a policy that is not there, or that the app would refuse at its start', async (t) => {
    const { folder, build } = await workshop(t)
    const missing = await build('', { RECONNECT_BUILD_POLICY: 'none.json' })
    assert.deepEqual([missing.code, missing.stderr], [1, 'build.ts: there is no policy file none.json\n'])
    await writeFile(join(folder, 'policy.json'), '{"grants":[{"principal":"role:R","scope":"/subscriptions/x"}]}')
    const invalid = await build()
    assert.equal(invalid.code, 1)
    assert.match(invalid.stderr, /would refuse the policy policy\.json:\n {2}grants\[0\]\.scope: expected .+, such as /)
    assert.equal(existsSync(join(folder, 'deploy')), false)
  })
})

describe('azure.yaml', async () => {
  const { services, requiredVersions, infra, hooks } = parseYaml(
    await readFile(join(PROJECT_ROOT, 'azure.yaml'), 'utf8'),
  ) as {
    services: Record<string, { dist: string }>
    requiredVersions: { azd: string }
    infra: { provider: string; path: string }
    hooks: Record<string, Record<'posix' | 'windows', { run: string }>>
  }

  it('uploads deploy/ as it is: nothing is built on the server', () => {
    assert.deepEqual(services, {
      api: { project: '.', language: 'ts', host: 'function', dist: './deploy', remoteBuild: false },
    })
    assert.equal(join(PROJECT_ROOT, services['api']?.dist ?? ''), APP_ROOT)
    // azd decides by this file, and stops where it contradicts remoteBuild.
    assert.equal(existsSync(join(PROJECT_ROOT, '.funcignore')), false)
  })

  it('requires the azd whose `down` leaves foreign resource groups alone, and finds main.bicep and its parameters', () => {
    assert.equal(requiredVersions.azd, '>= 1.25.0')
    assert.deepEqual(infra, { provider: 'bicep', path: 'infra' })
    for (const name of ['main.bicep', 'main.bicepparam']) assert.ok(existsSync(join(PROJECT_ROOT, 'infra', name)), name)
  })

  it('runs the same script of package.json on every system', async () => {
    const { scripts } = JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8')) as { scripts: object }
    assert.deepEqual(Object.keys(hooks), ['preprovision'])
    for (const { posix, windows } of Object.values(hooks)) {
      assert.equal(posix.run, windows.run)
      assert.ok(Object.hasOwn(scripts, posix.run.replace('npm run --silent ', '')), posix.run)
    }
  })
})
