/** What README.md and the sandbox's banner say: every command is run, every example used, every name looked up. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { API_CLIENT_ID } from '../sandbox/azure/directory.ts'
import { SUBSCRIPTION_ID } from '../sandbox/azure/resources.ts'
import { PROJECT_ROOT } from '../sandbox/create-sandbox.ts'
import { call } from './sandbox/raw-http.ts'
import { openDocument, quoted } from './support/documents.ts'
import { startSandbox } from './support/start-sandbox.ts'
import { bash, freshTree, stopGroup } from './support/terminal.ts'

const { text: README, prose: PROSE, examples: EXAMPLES, example } = openDocument('README.md')
const MAX_LINES = 160
const packageJson = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  dependencies: object
  devDependencies: object
}
const without = (prefix: string, command: string): string => {
  assert.ok(command.startsWith(prefix), command)
  return command.slice(prefix.length).trim()
}

describe('quick start', { concurrency: true }, () => {
  it('npm ci finds a lock file that agrees with package.json', () => {
    const { packages } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dependencies?: object; devDependencies?: object }>
    }
    const { dependencies, devDependencies } = packageJson
    assert.deepEqual([packages['']?.dependencies, packages['']?.devDependencies], [dependencies, devDependencies])
  })

  it('npm start brings everything up, its banner’s commands work when pasted unchanged, and Ctrl-C ends everything', async (t) => {
    const folder = await freshTree()
    t.after(() => rm(folder, { recursive: true, force: true }))
    const command = without('npm ci &&', example('sh', 'npm start'))
    const running = spawn('bash', ['-c', `${command} -- --port 0`], {
      cwd: folder,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise((resolve) => running.once('close', resolve))
    t.after(() => stopGroup(running.pid as number, 'SIGKILL'))
    let banner = ''
    let log = ''
    running.stdout.setEncoding('utf8').on('data', (text: string) => (banner += text))
    running.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
    for (let waitedMs = 0; !banner.includes('/openapi.json'); waitedMs += 50) {
      assert.ok(waitedMs < 80_000 && running.exitCode === null, `${banner}${log}`)
      await delay(50)
    }

    const heard: (readonly [string, string])[] = []
    const lines = banner.split('\n')
    for (const [at, line] of lines.entries()) {
      if (!/^(?:curl|npm) /.test(line)) continue
      const { code, stdout, stderr } = await bash(line, folder)
      assert.equal(code, 0, `${line}\n${stderr}`)
      const what = lines[at - 1]?.startsWith('#') === true ? (lines[at - 1] as string) : ''
      heard.push([
        what,
        /^HTTP\/1\.1 ([0-9]{3})/.exec(stdout)?.[1] ?? JSON.stringify(Object.keys(JSON.parse(stdout) as object)),
      ])
    }
    const { issuer, armCa } = JSON.parse(await readFile(join(folder, '.sandbox/info.json'), 'utf8')) as {
      issuer: string
      armCa: string
    }
    assert.deepEqual(heard, [
      ['# reconnect a backend as an operator: 202', '202'],
      ['# another backend in five minutes, over TLS: 202', '202'],
      ['# the first backend once more within two minutes: joined, ARM is not asked again', '202'],
      ['# decide everything, send nothing', '202'],
      ['# as a caller without a grant: 403', '403'],
      ['# ARM lacks a role for our own identity: 502, and it says which', '502'],
      ['# let ARM answer the next request with 409, see it relayed', '["value"]'],
      ['', '409'],
      ['# an alert of every sender, each for a backend of its own: accepted (202), delivered a moment later', '202'],
      ...['alertmanager', 'grafana', 'event-grid', 'generic'].map(() => ['', '202']),
      ['# Alertmanager by hand; the alert is over, so that nothing is done: 200', '200'],
      ['# the history: what was asked, by whom, and the outcome', '["value"]'],
      ['# what ARM has received', '["value","effects"]'],
      ['', '200'],
      ['', '["openapi","info","servers","tags","paths","components"]'],
    ])

    stopGroup(running.pid as number, 'SIGINT')
    await ended
    await assert.rejects(call(issuer, '/'), { code: 'ECONNREFUSED' })
    assert.deepEqual([existsSync(join(folder, '.sandbox')), existsSync(dirname(armCa))], [false, false])
  })

  it('npm start -- --help lists the options', async () => {
    const { code, stdout } = await bash(quoted(PROSE).find((text) => text.startsWith('npm start -- --help')) as string)
    assert.equal(code, 0)
    for (const option of ['--port', '--tls-port', '--info', '--azure']) assert.ok(stdout.includes(option), option)
  })

  it('npm test is what continuous integration runs', async () => {
    const command = example('sh', 'npm test').trim()
    assert.ok((await readFile(join(PROJECT_ROOT, '.ci/run'), 'utf8')).split('\n').includes(`(${command})`))
    assert.match(packageJson.scripts['test'] as string, /node --test .*"test\/\*\*\/\*\.test\.ts"/)
  })
})

/** A tool that is not on the machine is said loudly: what it would have run did not run. */
function isThere(tool: string, t: TestContext): boolean {
  try {
    execFileSync('sh', ['-c', `${tool} --version`], { stdio: 'ignore' })
    return true
  } catch {
    console.error(`DID NOT RUN: ${t.name}: ${tool} is not on this machine`)
    t.skip(`did not run: ${tool} is not on this machine`)
    return false
  }
}

describe('calling it', async () => {
  const sandbox = await startSandbox({ after })
  const { info, azure } = sandbox
  const folder = await mkdtemp(join(tmpdir(), 'readme-'))
  after(() => rm(folder, { recursive: true, force: true }))
  const infoFile = join(folder, 'info.json')
  await writeFile(infoFile, JSON.stringify(info))
  const filledIn = (text: string): string =>
    text
      .replaceAll('https://<app>.azurewebsites.net', info.proxyTls)
      .replaceAll('<app id>', API_CLIENT_ID)
      .replaceAll('/subscriptions/<guid>', `/subscriptions/${SUBSCRIPTION_ID}`)
      .replaceAll("'<guid>'", `'${SUBSCRIPTION_ID}'`)
  /** A backend of its own for each language: none joins another's reconnect. */
  const [, , , , ...fresh] = info.backends
  const inEach = (language: string) => ({
    APP: info.proxy,
    TOKEN: info.tokens.operator,
    BACKEND: fresh[['python', 'csharp', 'incident'].indexOf(language)] as string,
    NODE_EXTRA_CA_CERTS: info.armCa,
    CURL_CA_BUNDLE: info.armCa,
  })
  const asked = (backend: string): readonly unknown[] =>
    azure.journal
      .effects()
      .filter((effect) => effect.backend === backend)
      .map(({ after: given }) => given)

  it('the first call in a second terminal, and the first alert', async () => {
    const commands = example('sh', 'npm run -s token')
      .replace('http://127.0.0.1:7071', info.proxy)
      .replace('-- operator', `-- operator --info ${infoFile}`)
    const { code, stdout, stderr } = await bash(commands)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^HTTP\/1\.1 202 /)
    const alert = quoted(PROSE).find((text) => text.startsWith('npm run -s alert')) as string
    const answer = await bash(`${alert} --info ${infoFile}`)
    assert.match(answer.stdout, /^HTTP\/1\.1 202 /, answer.stderr)
  })

  it('curl and az rest, with the token of az', async () => {
    // Stands in for a signed-in Azure CLI: it gives the operator's token, and sends a request, for exactly these arguments only.
    const url = `${info.proxyTls}/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders/reconnect`
    const token = `account get-access-token --scope api://${API_CLIENT_ID}/.default --query accessToken -o tsv`
    const rest = `rest --verbose --method post --resource api://${API_CLIENT_ID} --url ${url} --body {"properties":{"after":"PT5M"}}`
    await writeFile(
      join(folder, 'az'),
      `#!/bin/sh
case "$*" in
  '${token}') echo '${info.tokens.operator}' ;;
  '${rest}') curl -sS -i -X POST -H "Authorization: Bearer ${info.tokens.operator}" -H 'Content-Type: application/json' -d '{"properties":{"after":"PT5M"}}' '${url}' ;;
  *) echo "az was called with other arguments: $*" >&2; exit 1 ;;
esac
`,
    )
    await chmod(join(folder, 'az'), 0o755)
    const commands = filledIn(`${example('sh', 'az account')}${example('sh', 'az rest')}`)
    assert.doesNotMatch(commands, /<[a-z ]+>/)
    const { code, stdout, stderr } = await bash(`set -e\n${commands}`, PROJECT_ROOT, {
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      CURL_CA_BUNDLE: info.armCa,
    })
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.equal([...stdout.matchAll(/^HTTP\/1\.1 202 /gm)].length, 2, stdout)
  })

  it('the official SDK for JavaScript', async () => {
    const snippet = filledIn(example('js', 'ApiManagementClient'))
    assert.ok(snippet.includes('new DefaultAzureCredential()'))
    await symlink(join(PROJECT_ROOT, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(
      join(folder, 'call.mjs'),
      snippet
        .replace("'orders'", "'payments'")
        .replace(
          'new DefaultAzureCredential()',
          `DefaultAzureCredential && { getToken: async (scope) => [scope].flat().join() === 'api://${API_CLIENT_ID}/.default' ? { token: process.env.TOKEN, expiresOnTimestamp: Date.now() + 3_600_000 } : null }`,
        ),
    )
    const { code, stdout, stderr } = await bash(`node ${join(folder, 'call.mjs')}`, folder, inEach('js'))
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^202 forwarded \d{4}-/)
  })

  it('Python', async (t) => {
    if (!isThere('python3', t)) return
    await writeFile(join(folder, 'call.py'), example('python', 'urllib'))
    const env = inEach('python')
    const { code, stdout, stderr } = await bash(`python3 ${join(folder, 'call.py')}`, folder, env)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^202 forwarded \d{4}-/)
    assert.deepEqual(asked(env.BACKEND), ['PT5M'])
  })

  it('.NET', async (t) => {
    if (!isThere('dotnet', t)) return
    await writeFile(join(folder, 'call.cs'), example('csharp', 'HttpClient'))
    const env = { ...inEach('csharp'), DOTNET_CLI_TELEMETRY_OPTOUT: '1', DOTNET_NOLOGO: '1' }
    const { code, stdout, stderr } = await bash(`dotnet run ${join(folder, 'call.cs')}`, folder, env, 300_000)
    assert.equal(code, 0, `${stdout}${stderr}`)
    assert.match(stdout, /^202 forwarded$/m)
    assert.deepEqual(asked(env.BACKEND), ['PT5M'])
  })

  it('at 3 a.m.: what is known of the backend, and whether the app is well', async () => {
    const env = inEach('python')
    await call(info.proxy, `${env.BACKEND}/reconnect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${env.TOKEN}` },
    })
    const listed = await bash(example('sh', '/operations').replace('curl ', 'curl -sS '), PROJECT_ROOT, env)
    const { value } = JSON.parse(listed.stdout) as { value: { backend: string }[] }
    assert.ok(value.length > 0 && value.every(({ backend }) => backend === env.BACKEND), listed.stdout)
    const health = quoted(PROSE).find((text) => text.startsWith('curl') && text.includes('/health/ready')) as string
    assert.match((await bash(health, PROJECT_ROOT, env)).stdout, /"status":"ready"/)
  })
})

describe('what else is named', () => {
  it('exists: scripts, files and links', () => {
    for (const name of README.matchAll(/npm run (?:-s )?([\w:-]+)/g))
      assert.ok(packageJson.scripts[name[1] as string] !== undefined, name[0])
    for (const [whole, path = ''] of README.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]+)?\)/g))
      assert.ok(existsSync(join(PROJECT_ROOT, path)), whole)
    for (const path of quoted(PROSE).filter((text) => /^(?:src|sandbox|docs|infra|examples)\/[\w./-]+$/.test(text)))
      assert.ok(existsSync(join(PROJECT_ROOT, path)), path)
  })

  it('is every example: none is shown that no test here uses', () => {
    const counts: Record<string, number> = {}
    for (const { language } of EXAMPLES) counts[language] = (counts[language] ?? 0) + 1
    // The one without language is the picture of a request's life. Deployment is for test/infra/deploy-doc.test.ts.
    assert.deepEqual(counts, { '': 1, sh: 7, js: 1, python: 1, csharp: 1 })
  })

  it('fits on a few screens', () => {
    assert.ok(README.split('\n').length <= MAX_LINES, `${README.split('\n').length} lines`)
  })
})
