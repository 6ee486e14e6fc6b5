/** What README.md and the sandbox's banner say: every command is run, every example used, every name looked up. Only the Kusto query is taken on trust. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ApiManagementClient } from '@azure/arm-apimanagement'
import { API_CLIENT_ID } from '../sandbox/azure/directory.ts'
import { SUBSCRIPTION_ID } from '../sandbox/azure/resources.ts'
import { PROJECT_ROOT } from '../sandbox/create-sandbox.ts'
import { readConfig } from '../src/config/read-config.ts'
import { WIRE } from '../src/http/failure-reply.ts'
import { openApiDocument } from '../src/http/openapi/document.ts'
import { parsePolicy } from '../src/policy/policy-document.ts'
import { call } from './sandbox/raw-http.ts'
import { EXAMPLES, example, PROSE, quoted, README, table } from './support/readme.ts'
import { startSandbox } from './support/start-sandbox.ts'
import { bash, freshTree, stopGroup } from './support/terminal.ts'
import { trust } from './support/tls-authority.ts'

const packageJson = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
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

  it('npm start brings everything up, its banner’s commands work when pasted as they stand, and Ctrl-C ends everything', async (t) => {
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
      ['# the history: what was asked, by whom, and what became of it', '["value"]'],
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

describe('calling it', async () => {
  const sandbox = await startSandbox({ after })
  const { info, azure } = sandbox
  trust({ certificate: azure.caCertificate })
  const filledIn = (text: string): string =>
    text
      .replaceAll('https://<app>.azurewebsites.net', info.proxyTls)
      .replaceAll('<app id>', API_CLIENT_ID)
      .replaceAll('/subscriptions/<guid>', `/subscriptions/${SUBSCRIPTION_ID}`)

  // In this order: the SDK asks for one in five minutes, curl then for one in two, which is sooner.
  it('with the official SDK', async () => {
    azure.journal.clear()
    const snippet = filledIn(example('ts', 'ApiManagementClient'))
    const asked: unknown[] = []
    const credential = {
      getToken(scope: unknown) {
        asked.push(scope)
        return Promise.resolve({ token: info.tokens.operator, expiresOnTimestamp: Date.now() + 3_600_000 })
      },
    }
    const AsyncFunction = (async () => {}).constructor as new (
      ...parts: string[]
    ) => (...values: unknown[]) => Promise<void>
    await new AsyncFunction('ApiManagementClient', 'credential', 'subscriptionId', snippet)(
      ApiManagementClient,
      credential,
      SUBSCRIPTION_ID,
    )
    assert.deepEqual(
      [asked.flat(), azure.journal.effects().map(({ after: given }) => given)],
      [[`api://${API_CLIENT_ID}/.default`], ['PT5M']],
    )
  })

  it('with az and curl', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'bin-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    // Stands in for a signed-in Azure CLI: it gives the operator's token for exactly the arguments that give one in earnest.
    const expected = `account get-access-token --scope api://${API_CLIENT_ID}/.default --query accessToken -o tsv`
    await writeFile(join(folder, 'az'), `#!/bin/sh\n[ "$*" = '${expected}' ] && echo '${info.tokens.operator}'\n`)
    await chmod(join(folder, 'az'), 0o755)
    const commands = filledIn(example('sh', 'az account')).replace('curl ', "curl -sS -w '%{http_code}' ")
    assert.doesNotMatch(commands, /<[a-z ]+>/)
    const { code, stdout, stderr } = await bash(commands, PROJECT_ROOT, {
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
      CURL_CA_BUNDLE: info.armCa,
    })
    assert.deepEqual([code, stdout], [0, '202'], stderr)
  })

  it('with curl for the history: what was asked before stands there', async () => {
    const command = filledIn(example('sh', '/operations?')).replace('curl ', 'curl -sS ')
    assert.doesNotMatch(command, /<[a-z ]+>/)
    const { code, stdout, stderr } = await bash(command, PROJECT_ROOT, {
      token: info.tokens.operator,
      CURL_CA_BUNDLE: info.armCa,
    })
    assert.equal(code, 0, stderr)
    const { value } = JSON.parse(stdout) as { value: { state: string; after?: string }[] }
    assert.deepEqual(
      value.map(({ state, after: given }) => [state, given]),
      [
        ['forwarded', undefined],
        ['forwarded', 'PT5M'],
      ],
    )
  })

  it('documents the versions that are supported, and the default', () => {
    const config = readConfig(
      { ENTRA_TENANT_ID: SUBSCRIPTION_ID, ENTRA_AUDIENCE: 'x', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
      () => undefined,
    )
    assert.ok(config.ok)
    const [row = ''] = README.split('\n').filter((line) => line.startsWith('| `?api-version=` |'))
    assert.deepEqual(
      quoted(row).filter((text) => text.startsWith('2')),
      config.value.arm.apiVersions,
    )
    assert.ok(row.includes(`\`${config.value.arm.defaultApiVersion}\` (default)`))
  })

  it('documents the record: every member that it names is written', async () => {
    const backend = info.backends[1] as string
    await call(info.proxy, `${backend}/reconnect`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${info.tokens.operator}`,
        'content-type': 'application/json',
        'x-ms-client-request-id': SUBSCRIPTION_ID,
      },
      body: '{"properties":{"after":"PT5M"}}',
    })
    await call(info.proxy, `${backend}/reconnect`, { method: 'POST' })
    const [, said = ''] =
      /^Every request, every alert and every delivery ends in one line of JSON([\s\S]*?)\n\n/m.exec(README) ?? []
    const named = quoted(said.replace(/\([^)]*\)/g, '')).filter((word) => /^[a-z][A-Za-z]+$/.test(word))
    assert.ok(named.length >= 16)
    const written = () =>
      new Set(
        sandbox.logs
          .filter(({ message }) => message.startsWith('{"event":"reconnect.decision"'))
          .flatMap(({ message }) => Object.keys(JSON.parse(message) as object)),
      )
    const missing = () => named.filter((member) => !written().has(member))
    for (let waitedMs = 0; missing().length > 0 && waitedMs < 3_000; waitedMs += 10) await delay(10)
    assert.deepEqual(missing(), [])
  })
})

describe('the error table', () => {
  it('has the statuses and codes of the failure table, and no others', () => {
    const documented = table('status', 'code', 'what to do').flatMap(([statuses = '', codes = '']) =>
      quoted(codes).map((code, index) => {
        const all = statuses.split(',').map((status) => status.trim())
        return `${all.length === 1 ? all[0] : all[index]} ${code}`
      }),
    )
    const real = Object.values(WIRE).map(({ status, code }) => `${status} ${code}`)
    assert.deepEqual([...new Set(documented)].toSorted(), [...new Set(real)].toSorted())
  })
})

describe('configuration', () => {
  /** What the platform itself sets. */
  const PLATFORM = new Set(['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'WEBSITE_AUTH_ENABLED'])
  const rows = table('setting', 'meaning')

  it('documents every setting that is read, and none that is not', () => {
    const read = new Set<string>()
    const env = new Proxy(
      {},
      { get: (_, name) => void read.add(String(name)), has: (_, name) => Boolean(read.add(String(name))) },
    )
    assert.equal(readConfig(env, () => undefined).ok, false)
    const documented = rows
      .filter(([, meaning = '']) => !/^the platform.s own/.test(meaning))
      .flatMap(([names = '']) => quoted(names))
    assert.deepEqual(documented.toSorted(), [...read].filter((name) => !PLATFORM.has(name)).toSorted())
  })

  it('documents the defaults', () => {
    const config = readConfig(
      { ENTRA_TENANT_ID: SUBSCRIPTION_ID, ENTRA_AUDIENCE: 'x', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
      () => undefined,
    )
    assert.ok(config.ok)
    const { entra, deadlineMs, mode, arm } = config.value
    const meaning = (name: string): string => rows.find(([names = '']) => quoted(names).includes(name))?.[1] ?? ''
    for (const [name, value] of [
      ['ENTRA_AUTHORITY', entra.authority],
      ['ENTRA_SCOPES', entra.scopes.join(',')],
      ['RECONNECT_DEADLINE_SECONDS', String(deadlineMs / 1_000)],
      ['RECONNECT_MODE', mode],
      ['ARM_ENDPOINT', arm.endpoint],
    ] as const) {
      assert.ok(meaning(name).replaceAll('`', '').startsWith(value), `${name}: ${meaning(name)}`)
    }
  })

  it('shows a policy that is one, as are the example and the sample settings', async () => {
    const shown = example('json', '"grants"')
    const { $schema } = JSON.parse(shown) as { $schema: string }
    assert.ok(existsSync(join(PROJECT_ROOT, $schema)))
    for (const text of [shown, await readFile(join(PROJECT_ROOT, 'examples/policy.json'), 'utf8')])
      assert.equal(parsePolicy(text).ok, true)
    const { Values } = JSON.parse(await readFile(join(PROJECT_ROOT, 'local.settings.sample.json'), 'utf8')) as {
      Values: Record<string, string>
    }
    assert.equal(readConfig(Values, () => shown).ok, true)
  })

  it('npm run explain says that the example is allowed, and why', async () => {
    const { code, stdout, stderr } = await bash(example('sh', '--as role:Reconnect.Operator'))
    assert.match(stdout, /Decision +ALLOWED/, `${stdout}${stderr}`)
    assert.equal(code, 0)
    assert.match(stdout, /Because +grants\[0\] gives 'reconnect' to role:Reconnect\.Operator/)
  })
})

describe('alert webhooks', () => {
  it('npm run explain says what the saved alert would come to', async () => {
    const { code, stdout, stderr } = await bash(example('sh', '--webhook alertmanager'))
    assert.match(stdout, /Answer +202/, `${stdout}${stderr}`)
    assert.equal(code, 0)
    assert.match(stdout, /Because +grants\[\d+\] gives 'reconnect' to webhook:alertmanager/)
  })

  it('lists every outcome that an alert can have', () => {
    const listed = table('outcome', 'meaning').flatMap(([names = '']) => quoted(names))
    const { AlertAnswer } = (
      openApiDocument({
        apiVersions: { supported: ['2024-05-01'], fallback: '2024-05-01' },
        publicUrl: undefined,
        functions: new Set(['alert-receive']),
      }) as { components: { schemas: { AlertAnswer: { properties: { outcome: { enum: string[] } } } } } }
    ).components.schemas
    assert.deepEqual(listed.toSorted(), AlertAnswer.properties.outcome.enum.toSorted())
  })

  it('shows authentication as the policy takes it', () => {
    const shown = [...README.matchAll(/`(\{"type":"[^`]+\})`/g)].map(([, text = '']) =>
      text
        .replaceAll('…', 'SECRET_OF_YOURS')
        .replace('<client id>', SUBSCRIPTION_ID)
        .replace('<client id of the caller>', SUBSCRIPTION_ID),
    )
    assert.ok(shown.length >= 7)
    for (const text of shown)
      assert.equal(
        parsePolicy(`{"webhooks":{"a":{"format":"alertmanager","backend":"{id}","authentication":${text}}}}`).ok,
        true,
        text,
      )
    const [, azureMonitor = ''] = /`"azure-monitor": (\{.*?\})` and a grant/.exec(README) ?? []
    assert.equal(parsePolicy(`{"webhooks":{"a":${azureMonitor}}}`).ok, true, azureMonitor)
  })

  it('has a page for each sender', () => {
    const section = README.slice(README.indexOf('## Alert webhooks'), README.indexOf('## Security model'))
    for (const sender of ['Azure Monitor', 'Alertmanager', 'Grafana', 'Event Grid', 'Anything else'])
      assert.ok(section.includes(`### ${sender}\n`), sender)
  })
})

describe('what else is named', () => {
  it('exists: scripts, files, links', () => {
    for (const name of README.matchAll(/npm run ([\w:-]+)/g))
      assert.ok(packageJson.scripts[name[1] as string] !== undefined, name[0])
    for (const link of README.matchAll(/\]\((?!https?:)([^)#]+)\)/g))
      assert.ok(existsSync(join(PROJECT_ROOT, link[1] as string)), link[0])
    for (const path of quoted(PROSE).filter((text) => /^(?:src|sandbox|docs|infra|examples)\/[\w./-]+$/.test(text)))
      assert.ok(existsSync(join(PROJECT_ROOT, path)), path)
  })

  it('is every runtime dependency, with its home', async () => {
    const rows = table('runtime dependency', 'home', 'why')
    assert.deepEqual(
      rows.flatMap(([names = '']) => quoted(names)).toSorted(),
      Object.keys(packageJson.dependencies).toSorted(),
    )
    const sources = (await readdir(join(PROJECT_ROOT, 'src'), { recursive: true })).filter((name) =>
      name.endsWith('.ts'),
    )
    for (const [names = '', homes = ''] of rows) {
      for (const dependency of quoted(names)) {
        const users = sources.filter((name) =>
          new RegExp(
            `^import (?!type)[^']*from '${dependency}(?:/[^']*)?'|await import\\('${dependency}'\\)`,
            'm',
          ).test(readFileSync(join(PROJECT_ROOT, 'src', name), 'utf8')),
        )
        assert.ok(users.length > 0, dependency)
        const strangers = users.filter(
          (name) => name !== 'index.ts' && !quoted(homes).some((home) => `src/${name}`.startsWith(`${home}/`)),
        )
        assert.deepEqual(strangers, [], dependency)
      }
    }
  })

  it('is every example: none is shown that no test here uses', () => {
    const counts = EXAMPLES.map(({ language }) => language).reduce<Record<string, number>>(
      (all, language) => ({ ...all, [language]: (all[language] ?? 0) + 1 }),
      {},
    )
    // Those without language are the pictures of a request's and an alert's life.
    assert.deepEqual(counts, { '': 2, sh: 7, ts: 1, json: 1, kusto: 1 })
  })
})
