/**
 * docs/**: every command is run, every table is compared with the code that it describes. Kusto queries and blocks without language are not
 * run. Not run here: deploy.md, and docs/coordination.md, whose command needs a model checker (test/model/coordination.check.ts).
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SUBSCRIPTION_ID } from '../sandbox/azure/resources.ts'
import { PROJECT_ROOT } from '../sandbox/create-sandbox.ts'
import { REASONS } from '../src/cli/reasons.ts'
import { readConfig } from '../src/config/read-config.ts'
import { OUTCOMES } from '../src/domain/decision.ts'
import { OPERATION_STATES } from '../src/domain/operation.ts'
import { WIRE } from '../src/http/failure-reply.ts'
import { openApiDocument } from '../src/http/openapi/document.ts'
import { BACKEND_PARAMETERS } from '../src/http/backend-query.ts'
import { DEFAULT_TOP, MAX_TOP, OPERATION_PARAMETERS } from '../src/http/operation-query.ts'
import { parsePolicy } from '../src/policy/policy-document.ts'
import { MEMBERS } from '../src/policy/policy-members.ts'
import { MAX_REASON_CHARS } from '../src/reconnect/parse-command.ts'
import { call } from './sandbox/raw-http.ts'
import { openDocument, quoted, type TestedDocument } from './support/documents.ts'
import { startSandbox } from './support/start-sandbox.ts'
import { bash } from './support/terminal.ts'

/** Their commands are run, or looked at, by other tests. */
const ELSEWHERE: ReadonlySet<string> = new Set(['contract.md', 'coordination.md', 'deploy.md'])
const PAGES: readonly TestedDocument[] = readdirSync(join(PROJECT_ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && !ELSEWHERE.has(name))
  .map((name) => `docs/${name.split('\\').join('/')}`)
  .map(openDocument)
const page = (path: string): TestedDocument => PAGES.find((one) => one.path === path) ?? assert.fail(path)
const [api, alerts, configuration, operate, troubleshooting] = [
  'docs/api.md',
  'docs/alerts/README.md',
  'docs/configuration.md',
  'docs/operate.md',
  'docs/troubleshooting.md',
].map(page) as [TestedDocument, TestedDocument, TestedDocument, TestedDocument, TestedDocument]
const SENDERS = ['azure-monitor', 'event-grid', 'alertmanager', 'grafana', 'generic'] as const
const packageJson = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  dependencies: Record<string, string>
}

/** The routes that a command may use before the function behind it is there. */
const ROUTES: readonly { readonly path: string; readonly name: string }[] = [
  { path: '$APP/grants', name: 'grant-list' },
  { path: '$APP/backends', name: 'backend-list' },
  { path: '/deliveries', name: 'delivery-list' },
  { path: '$APP/pauses', name: 'pause-create' },
]

describe('the commands of docs/', async () => {
  const sandbox = await startSandbox({ after })
  const { info, app } = sandbox
  const folder = await mkdtemp(join(tmpdir(), 'docs-'))
  after(() => rm(folder, { recursive: true, force: true }))
  const infoFile = join(folder, 'info.json')
  await writeFile(infoFile, JSON.stringify(info))
  const env = { APP: info.proxy, TOKEN: info.tokens.operator, BACKEND: info.backends[0] as string }

  /** A route that is not registered is said loudly. */
  function isThere(command: string, t: TestContext): boolean {
    const missing = ROUTES.find(
      ({ path, name }) => command.includes(path) && !app.functions.some((one) => one.name === name),
    )
    if (missing === undefined) return true
    console.error(`DID NOT RUN: ${t.name}: there is no function ${missing.name}`)
    t.skip(`did not run: there is no function ${missing.name}`)
    return false
  }

  /** The commands of other pages send alerts for the same backend. */
  async function endPauses(): Promise<void> {
    const headers = { authorization: `Bearer ${info.tokens.operator}` }
    const { value } = (await call(info.proxy, '/pauses', { headers })).json() as { value: readonly { id: string }[] }
    for (const { id } of value)
      assert.equal((await call(info.proxy, `/pauses/${id}`, { method: 'DELETE', headers })).status, 204)
  }

  for (const { path, examples } of PAGES) {
    for (const [index, { text }] of examples.filter(({ language }) => language === 'sh').entries()) {
      const [, status = '', what = ''] = /^# (\d{3}): (.*)$/m.exec(text) ?? []
      const title = status === '' ? `${path}: command ${index + 1} succeeds` : `${path}: ${what}: ${status}`
      it(title, async (t) => {
        if (!isThere(text, t)) return
        const command = text.replaceAll(/(npm run -s alert -- .*)$/gm, `$1 --info ${infoFile}`)
        // A pause would make the alerts of the other commands wait: it is for a backend of its own.
        const backend = text.includes('$APP/pauses') ? (info.backends.at(-1) as string) : env.BACKEND
        const { code, stdout, stderr } = await bash(`set -eu\n${command}`, PROJECT_ROOT, { ...env, BACKEND: backend })
        assert.equal(code, 0, `${stdout}${stderr}`)
        if (status !== '') assert.match(stdout, new RegExp(`^HTTP/1\\.1 ${status} `), stdout)
      })
    }
    if (examples.some(({ text }) => text.includes('"$APP/pauses"')))
      it(`${path}: the pauses of its commands end`, endPauses)
  }

  it('docs/api.md: az rest reaches the sandbox', async (t) => {
    if ((await bash('az version')).code !== 0) {
      console.error(`DID NOT RUN: ${t.name}: az is not on this machine`)
      t.skip('did not run: az is not on this machine')
      return
    }
    const command = quoted(api.prose).find((text) => text.startsWith('az rest') && text.includes('--headers')) as string
    const { code, stderr } = await bash(command, PROJECT_ROOT, { ...env, AZURE_CONFIG_DIR: folder })
    assert.equal(code, 0, stderr)
    assert.match(stderr, /Response status: 202/)
  })

  it('the audit members that docs/operate.md lists are those that are written, and the others belong to rarer events', async () => {
    const [backend = ''] = info.backends.slice(1)
    const authorization = `Bearer ${info.tokens.operator}`
    await call(info.proxy, `${backend}/reconnect`, {
      method: 'POST',
      headers: {
        authorization,
        'content-type': 'application/json',
        'x-ms-client-request-id': SUBSCRIPTION_ID,
        'x-reconnect-reason': 'why not',
      },
      body: '{"properties":{"after":"PT5M"}}',
    })
    await call(info.proxy, `${backend}/reconnect`, { method: 'POST' })
    const listed = operate.table('member', 'meaning').flatMap(([names = '']) => quoted(names))
    const RARER = ['joined', 'notRecorded', 'ambiguous', 'pauseId', 'pausesUnread', 'tries', 'delayMs']
    const written = (): ReadonlySet<string> =>
      new Set(
        sandbox.logs
          .filter(({ message }) => message.startsWith('{"event":"reconnect.decision"'))
          .flatMap(({ message }) => Object.keys(JSON.parse(message) as object)),
      )
    const missing = () => listed.filter((member) => !RARER.includes(member) && !written().has(member))
    for (let waitedMs = 0; missing().length > 0 && waitedMs < 30_000; waitedMs += 25) await delay(25)
    assert.deepEqual(missing(), [])
    assert.deepEqual(
      [...written()].filter((member) => !listed.includes(member)),
      [],
    )
  })
})

describe('docs/api.md', () => {
  it('has the statuses and codes of the failure table, and no others', () => {
    const documented = api.table('status', 'code', 'what to do').flatMap(([statuses = '', codes = '']) =>
      quoted(codes).map((code, index) => {
        const all = statuses.split(',').map((status) => status.trim())
        return `${all.length === 1 ? all[0] : all[index]} ${code}`
      }),
    )
    const real = Object.values(WIRE).map(({ status, code }) => `${status} ${code}`)
    assert.deepEqual([...new Set(documented)].toSorted(), [...new Set(real)].toSorted())
  })

  it('lists the versions that are supported, and the default', () => {
    const config = minimalConfig()
    const [, section = ''] = /### api-versions\n([\s\S]*?)\n#/.exec(api.text) ?? []
    assert.deepEqual(
      quoted(section).filter((text) => text.startsWith('2')),
      config.arm.apiVersions,
    )
    assert.ok(section.includes(`\`${config.arm.defaultApiVersion}\` (default)`))
  })

  it('names every parameter of the list of operations, every state, and the limits that count', () => {
    for (const name of [...OPERATION_PARAMETERS, ...BACKEND_PARAMETERS])
      assert.ok(api.text.toLowerCase().includes(`\`${name}\``), name)
    assert.ok(api.text.includes(`1 to ${MAX_TOP}, default ${DEFAULT_TOP}`))
    assert.ok(api.text.includes(`at most ${MAX_REASON_CHARS} printable ASCII characters`))
    assert.deepEqual(
      api
        .table('state', 'meaning')
        .flatMap(([name = '']) => quoted(name))
        .toSorted(),
      [...OPERATION_STATES].toSorted(),
    )
  })
})

describe('docs/alerts', () => {
  it('lists every outcome that an alert can have', () => {
    const listed = alerts.table('outcome', 'meaning').flatMap(([names = '']) => quoted(names))
    const { AlertAnswer } = (
      openApiDocument({
        apiVersions: { supported: ['2024-05-01'], fallback: '2024-05-01' },
        publicUrl: undefined,
        functions: new Set(['alert-receive']),
      }) as { components: { schemas: { AlertAnswer: { properties: { outcome: { enum: string[] } } } } } }
    ).components.schemas
    assert.deepEqual(listed.toSorted(), AlertAnswer.properties.outcome.enum.toSorted())
  })

  it('explains every reason for which a sender is not authenticated', () => {
    const listed = alerts.table('`reason` of a 401', 'meaning').flatMap(([names = '']) => quoted(names))
    const all = Object.keys(REASONS).filter((reason) => reason.startsWith('webhook_') && reason !== 'webhook_not_found')
    assert.deepEqual(listed.toSorted(), all.toSorted())
  })

  for (const sender of SENDERS) {
    const { examples, prose, text } = page(`docs/alerts/${sender}.md`)

    it(`${sender}: says how to set up, what is repeated, how to try it, and why an alert did not act`, () => {
      for (const heading of [
        'Set up',
        'Template and match',
        'What it repeats and resolves',
        'Try it in the sandbox',
        'Why did my alert not act?',
      ])
        assert.ok(text.includes(`## ${heading}\n`), heading)
    })

    it(`${sender}: shows webhooks and authentication as the policy takes them`, () => {
      const webhooks = examples.filter(({ language }) => language === 'json').map((example) => example.text)
      assert.ok(webhooks.length > 0)
      for (const webhook of webhooks) assertPolicy(`{"webhooks":{"a":${webhook}}}`)
      for (const shown of quoted(prose).filter((one) => one.startsWith('{"type":'))) {
        const authentication = shown.replace('<client id>', SUBSCRIPTION_ID)
        assertPolicy(`{"webhooks":{"a":{"format":"alertmanager","backend":"{id}","authentication":${authentication}}}}`)
      }
    })
  }
})

describe('docs/configuration.md', () => {
  /** What the platform itself sets. */
  const PLATFORM = new Set(['IDENTITY_ENDPOINT', 'MSI_ENDPOINT', 'WEBSITE_AUTH_ENABLED'])
  const settings = configuration.table('setting', 'meaning')

  it('has every setting that is read, and none that is not', () => {
    const read = new Set<string>()
    const env = new Proxy(
      {},
      { get: (_, name) => void read.add(String(name)), has: (_, name) => Boolean(read.add(String(name))) },
    )
    assert.equal(readConfig(env, () => undefined).ok, false)
    const documented = settings
      .filter(([, meaning = '']) => !/^the platform.s own/.test(meaning))
      .flatMap(([names = '']) => quoted(names))
    assert.deepEqual(documented.toSorted(), [...read].filter((name) => !PLATFORM.has(name)).toSorted())
  })

  it('has the defaults', () => {
    const { entra, deadlineMs, mode, arm } = minimalConfig()
    const meaning = (name: string): string => settings.find(([names = '']) => quoted(names).includes(name))?.[1] ?? ''
    for (const { name, value } of [
      { name: 'ENTRA_AUTHORITY', value: entra.authority },
      { name: 'ENTRA_SCOPES', value: entra.scopes.join(',') },
      { name: 'RECONNECT_DEADLINE_SECONDS', value: String(deadlineMs / 1_000) },
      { name: 'RECONNECT_MODE', value: mode },
      { name: 'ARM_ENDPOINT', value: arm.endpoint },
    ])
      assert.ok(meaning(name).replaceAll('`', '').startsWith(value), `${name}: ${meaning(name)}`)
    const policy = parsePolicy('{}')
    assert.ok(policy.ok)
    const { limits, deliverWithin } = policy.value
    for (const shown of [JSON.stringify(limits.perBackend), JSON.stringify(limits.notHelping), deliverWithin])
      assert.ok(configuration.text.includes(`default \`${shown}\``), shown)
  })

  it('has every member of the policy, and no other', () => {
    const documented = configuration.table('member', 'meaning').flatMap(([names = '']) => quoted(names))
    // These are told with the member above them.
    const all = Object.keys(MEMBERS).filter(
      (path) => path !== '' && !/^(?:webhooks\.\*|webhooks\.\*\.match\.\*|limits\.\w+\.\w+)$/.test(path),
    )
    assert.deepEqual(documented.toSorted(), all.toSorted())
  })

  it('shows a policy that is one, as are the example and the sample settings', async () => {
    const shown = configuration.example('json', '"grants"')
    for (const text of [shown, await readFile(join(PROJECT_ROOT, 'examples/policy.json'), 'utf8')]) assertPolicy(text)
    const { $schema } = JSON.parse(shown) as { $schema: string }
    assert.ok(existsSync(join(PROJECT_ROOT, $schema)))
    const { Values } = JSON.parse(await readFile(join(PROJECT_ROOT, 'local.settings.sample.json'), 'utf8')) as {
      Values: Record<string, string>
    }
    assert.equal(readConfig(Values, () => shown).ok, true)
  })

  it('explains that the example is allowed, and why', async () => {
    const { code, stdout } = await bash(configuration.example('sh', '--as role:Reconnect.Operator'))
    assert.match(stdout, /Decision +ALLOWED/)
    assert.match(stdout, /Because +grants\[0\] gives 'reconnect' to role:Reconnect\.Operator/)
    assert.equal(code, 0)
  })
})

describe('docs/operate.md and docs/troubleshooting.md', () => {
  it('list every outcome of the audit', () => {
    const listed = operate.table('outcome', 'of', 'meaning').flatMap(([names = '']) => quoted(names))
    for (const outcome of OUTCOMES) assert.ok(listed.includes(outcome), outcome)
    assert.deepEqual(
      listed.filter((outcome) => !(OUTCOMES as readonly string[]).includes(outcome)),
      [],
    )
  })

  it('list every query of infra/queries but those of the alert rules', () => {
    const listed = operate
      .table('query', 'answers')
      .flatMap(([links = '']) => [...links.matchAll(/\[([\w.-]+\.kql)\]/g)].map(([, name = '']) => name))
    const files = readdirSync(join(PROJECT_ROOT, 'infra/queries')).filter((name) => !name.startsWith('alert-'))
    assert.deepEqual(listed.toSorted(), files.toSorted())
  })

  it('name reasons that exist, and each that a request can have', () => {
    const named = troubleshooting
      .table('symptom', 'reason', 'what to do')
      .flatMap(([, reasons = '']) => quoted(reasons))
    for (const reason of named) assert.ok(Object.hasOwn(REASONS, reason), reason)
    const OF_OTHERS = /^(?:webhook_|delivery_|loop_guard|not_helping|payload_|too_many|target_|write_budget|storage_)/
    // One row, or the answer's own text, is enough for these.
    const SELF_EXPLAINING =
      /^(?:token_(?!audience|tenant|issuer|scope|expired|not_yet)|principal_|header_|parameter_|segment_|api_version|duration_|operation_|body_too|defect|pause|deliveries_)/
    const missing = Object.keys(REASONS).filter(
      (reason) => !named.includes(reason) && !OF_OTHERS.test(reason) && !SELF_EXPLAINING.test(reason),
    )
    assert.deepEqual(missing, [])
  })
})

describe('docs/dependencies.md', () => {
  const rows = page('docs/dependencies.md').table('runtime dependency', 'home', 'why')

  it('has every runtime dependency', () => {
    assert.deepEqual(
      rows.flatMap(([names = '']) => quoted(names)).toSorted(),
      Object.keys(packageJson.dependencies).toSorted(),
    )
  })

  it('has the rooms that import each', () => {
    const sources = readdirSync(join(PROJECT_ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.ts'),
    )
    for (const [names = '', homes = ''] of rows) {
      for (const dependency of quoted(names)) {
        const imported = new RegExp(
          `^import (?!type)[^']*from '${dependency}(?:/[^']*)?'|await import\\('${dependency}'\\)`,
          'm',
        )
        const users = sources.filter((name) => imported.test(readFileSync(join(PROJECT_ROOT, 'src', name), 'utf8')))
        assert.ok(users.length > 0, dependency)
        const strangers = users.filter(
          (name) => name !== 'index.ts' && !quoted(homes).some((home) => `src/${name}`.startsWith(`${home}/`)),
        )
        assert.deepEqual(strangers, [], dependency)
      }
    }
  })
})

describe('all pages', () => {
  it('name scripts that exist', () => {
    for (const { path, text } of PAGES)
      for (const [whole, name = ''] of text.matchAll(/npm run (?:-s )?([\w:-]+)/g))
        assert.ok(packageJson.scripts[name] !== undefined, `${path}: ${whole}`)
  })

  it('link to headings that exist', () => {
    for (const { path, text } of [...PAGES, openDocument('README.md')])
      for (const [whole, target = '', heading = ''] of text.matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
        const file = target === '' ? path : join(path, '..', target).split('\\').join('/')
        assert.ok(headingsOf(openDocument(file)).includes(heading), `${path}: ${whole}`)
      }
  })
})

function headingsOf({ prose }: TestedDocument): readonly string[] {
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}

function assertPolicy(text: string): void {
  const policy = parsePolicy(text)
  assert.ok(policy.ok, `${text}\n${policy.ok ? '' : JSON.stringify(policy.error)}`)
}

function minimalConfig() {
  const config = readConfig(
    { ENTRA_TENANT_ID: SUBSCRIPTION_ID, ENTRA_AUDIENCE: 'x', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
    () => undefined,
  )
  assert.ok(config.ok)
  return config.value
}
