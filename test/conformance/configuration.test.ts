/** Contract, section 8: settings and policy, as far as they are seen from outside. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { OPERATOR_ROLE, TOOL } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { APP_ROOT, type SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { assertAccepted, assertRefused, sibling, startConversation, type Conversation } from './conversation.ts'

const [ORDERS] = RECONNECTABLE_BACKENDS as [string]
const SERVICE = ORDERS.slice(0, ORDERS.indexOf('/backends/'))
const APP = `app:${TOOL.clientId}`

/** Each setting with a value that is wrong and must never be shown. */
const BROKEN: Readonly<Record<string, string>> = {
  ENTRA_TENANT_ID: 'not-a-guid-marker1',
  ENTRA_AUTHORITY: 'http://login.marker2.example',
  ENTRA_SCOPES: 'marker3 "quoted"',
  ARM_ENDPOINT: 'http://127.0.0.1/marker4',
  RECONNECT_MODE: 'marker5',
  RECONNECT_DEADLINE_SECONDS: 'marker6',
  RECONNECT_API_VERSIONS: 'marker7',
  RECONNECT_PUBLIC_URL: 'ftp://marker8',
  AZURE_CLIENT_ID: 'marker9',
  RECONNECT_POLICY: JSON.stringify({
    grants: [{ principal: 'marker10', scope: '/marker11', actions: ['marker12'] }],
    marker13: true,
  }),
}

describe('with a bad configuration', async () => {
  const broken = await startConversation({ after }, { env: { ...BROKEN, ENTRA_AUDIENCE: undefined } })

  it('the reconnect route answers 503 ConfigurationInvalid to every caller, and reaches nothing', async () => {
    for (const as of ['operator', 'stranger', null] as const) {
      const answer = await broken.reconnect({ as })
      assertRefused(answer, 503, 'ConfigurationInvalid')
      const { outcome, reason, fault } = await broken.decision(answer)
      assert.deepEqual({ outcome, reason, fault }, { outcome: 'failed', reason: 'configuration_invalid', fault: 'us' })
    }
    assert.deepEqual(
      [broken.reached(), { ...broken.sandbox.azure.issuerCounts }],
      [
        { arm: 0, identity: 0 },
        { metadata: 0, keys: 0 },
      ],
    )
  })

  for (const path of ['/openapi.json', '/health/ready']) {
    it(`${path} answers 503 and says ConfigurationInvalid`, async () => {
      const answer = await broken.get(path)
      assert.equal(answer.status, 503)
      assert.match(`${answer.text} ${String(answer.headers['x-ms-error-code'])}`, /\bConfigurationInvalid\b/)
    })
  }

  it('/health/ready names the check', async () => {
    const checks = (await broken.get('/health/ready')).json().checks as { name: string; status: string }[]
    assert.deepEqual(
      checks.find(({ name }) => name === 'configuration'),
      { name: 'configuration', status: 'fail' },
    )
  })

  it('/health/live answers 200: a restart would not repair it', async () => {
    assert.deepEqual(
      [(await broken.get('/health/live')).status, (await broken.get('/health/live')).json()],
      [200, { status: 'live' }],
    )
  })

  it('the log names every problem at once, with expectation and example', async () => {
    const problems = await problemsOf(broken, Object.keys(BROKEN).length + 1)
    const named = (name: string) =>
      problems.filter((problem) => problem.name === name || problem.name.startsWith(`${name} `))
    for (const name of [...Object.keys(BROKEN), 'ENTRA_AUDIENCE']) assert.ok(named(name).length > 0, name)
    assert.deepEqual(
      named('RECONNECT_POLICY')
        .map(({ name }) => name)
        .toSorted(),
      [
        'RECONNECT_POLICY grants[0].actions[0]',
        'RECONNECT_POLICY grants[0].principal',
        'RECONNECT_POLICY grants[0].scope',
        'RECONNECT_POLICY marker13',
      ],
    )
    for (const { expectation, example } of problems)
      assert.deepEqual(
        [typeof expectation, typeof example, expectation !== '', example !== ''],
        ['string', 'string', true, true],
      )
  })

  it('no value is shown, neither in the log nor in any answer', async () => {
    await problemsOf(broken, Object.keys(BROKEN).length + 1)
    const answers = await Promise.all([broken.reconnect(), broken.get('/openapi.json'), broken.get('/health/ready')])
    const said = `${broken.sandbox.output()}${JSON.stringify(broken.sandbox.logs)}${answers.map(({ text }) => text).join('')}`
    // The name of an unknown member of the policy is its place, not a value.
    assert.deepEqual(
      [...said.matchAll(/marker[0-9]+/g)]
        .map(([marker]) => marker)
        .filter((marker) => marker !== 'marker13' && marker !== 'marker11'),
      [],
    )
  })
})

describe('the policy', () => {
  it('without a policy no caller may do anything', async (t) => {
    const { options } = await withoutPolicy(t)
    const room = await startConversation(t, options)
    for (const as of ['operator', 'tool'] as const)
      assertRefused(await room.reconnect({ as }), 403, 'AuthorizationFailed')
    await room.untilReady()
  })

  it('the policy is policy.json at the app root where that exists, or the file that RECONNECT_POLICY_FILE names', async (t) => {
    const { appRoot, options } = await withoutPolicy(t)
    const grants = [{ principal: APP, scope: ORDERS }]
    await writeFile(join(appRoot, 'policy.json'), JSON.stringify({ $schema: './policy.schema.json', grants }))
    await writeFile(join(appRoot, 'no-grants.json'), JSON.stringify({ grants: [] }))
    assertAccepted(await (await startConversation(t, options)).reconnect({ as: 'tool' }))
    const named = await startConversation(t, {
      ...options,
      env: { ...options.env, RECONNECT_POLICY_FILE: 'no-grants.json' },
    })
    assertRefused(await named.reconnect({ as: 'tool' }), 403, 'AuthorizationFailed')
    const missing = await startConversation(t, {
      ...options,
      env: { ...options.env, RECONNECT_POLICY_FILE: 'no-such-file.json' },
    })
    assertRefused(await missing.reconnect({ as: 'tool' }), 503, 'ConfigurationInvalid')
  })

  it('a grant covers its scope and everything below it, compared segment by segment and without regard to case', async (t) => {
    const cases: { scope: string; backend: string; status: number }[] = [
      { scope: `/subscriptions/${SUBSCRIPTION_ID}`, backend: ORDERS, status: 202 },
      {
        scope: `/subscriptions/${SUBSCRIPTION_ID}`,
        backend: ORDERS.replace(SUBSCRIPTION_ID, SUBSCRIPTION_ID.replace(/^./, '0')),
        status: 403,
      },
      { scope: `/SUBSCRIPTIONS/${SUBSCRIPTION_ID.toUpperCase()}/RESOURCEGROUPS/RG-APIM`, backend: ORDERS, status: 202 },
      {
        scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
        backend: ORDERS.replace('rg-apim', 'rg-apim-eu'),
        status: 403,
      },
      { scope: SERVICE, backend: ORDERS, status: 202 },
      { scope: SERVICE, backend: ORDERS.toUpperCase(), status: 202 },
      { scope: SERVICE.replace('apim-prod', 'apim'), backend: ORDERS, status: 403 },
      { scope: SERVICE, backend: ORDERS.replace('apim-prod', 'apim-prod2'), status: 403 },
      { scope: ORDERS, backend: ORDERS, status: 202 },
      { scope: ORDERS, backend: sibling(ORDERS, 'orders2'), status: 403 },
      { scope: ORDERS, backend: sibling(ORDERS, 'order'), status: 403 },
    ]
    // One caller per grant: each has that grant and no other.
    const callers = cases.map(() => randomUUID())
    const room = await startConversation(t, {
      policy: { grants: cases.map(({ scope }, index) => ({ principal: `app:${callers[index]}`, scope })) },
    })
    for (const [index, { scope, backend, status }] of cases.entries()) {
      const token = await room.sandbox.azure.mint({ kind: 'stranger', app: callers[index] as string })
      assert.equal(
        (await room.reconnect({ as: { token }, backend, headers: { 'x-reconnect-dry-run': 'true' } })).status,
        status,
        `${scope} for ${backend}`,
      )
    }
  })

  it('a grant gives the action reconnect unless it says otherwise', async (t) => {
    const room = await startConversation(t, {
      policy: {
        grants: [
          { principal: APP, scope: ORDERS },
          { principal: `role:${OPERATOR_ROLE}`, scope: ORDERS, actions: ['read', 'force'] },
        ],
      },
    })
    assertAccepted(await room.reconnect({ as: 'tool' }))
    assertRefused(
      await room.reconnect({ as: 'tool', headers: { 'x-reconnect-force': 'true' } }),
      403,
      'AuthorizationFailed',
    )
    assert.match(
      assertRefused(await room.reconnect({ as: 'operator' }), 403, 'AuthorizationFailed').message,
      /action 'reconnect'/,
    )
  })

  const refused: [string, object][] = [
    ['a scope wider than a subscription', { principal: APP, scope: '/' }],
    ['a management group', { principal: APP, scope: '/providers/Microsoft.Management/managementGroups/all' }],
    ['a scope that ends behind a fixed word', { principal: APP, scope: `${SERVICE}/backends` }],
    ['a scope that ends in a slash', { principal: APP, scope: `${SERVICE}/` }],
    ['a wildcard', { principal: APP, scope: `${SERVICE}/backends/*` }],
    ['a wildcard for all callers', { principal: '*', scope: ORDERS }],
    ['a deny rule', { principal: APP, scope: ORDERS, effect: 'deny' }],
    ['an unknown action', { principal: APP, scope: ORDERS, actions: ['reconnect', 'delete'] }],
    ['something below a backend', { principal: APP, scope: `${ORDERS}/reconnect` }],
  ]
  it(`a policy is refused at start-up, with each place named, for: ${refused.map(([what]) => what).join('; ')}`, async (t) => {
    const room = await startConversation(t, { policy: { grants: refused.map(([, grant]) => grant) } })
    assertRefused(await room.reconnect({ as: 'tool' }), 503, 'ConfigurationInvalid')
    const names = (await problemsOf(room, refused.length)).map(({ name }) => name)
    for (const [index, [what]] of refused.entries())
      assert.equal(names.filter((name) => name.startsWith(`RECONNECT_POLICY grants[${index}]`)).length, 1, what)
  })
})

describe('settings', () => {
  const start = (t: TestContext, env: SandboxOptions['env']): Promise<Conversation> =>
    startConversation(t, { env: env ?? {} })

  it('RECONNECT_API_VERSIONS is the list of versions that may be asked for', async (t) => {
    const room = await start(t, { RECONNECT_API_VERSIONS: '2022-08-01, 2019-12-01' })
    assertAccepted(await room.reconnectFresh({ query: '?api-version=2019-12-01' }))
    assertRefused(await room.reconnectFresh({ query: '?api-version=2024-05-01' }), 400, 'InvalidApiVersionParameter')
    assertAccepted(await room.reconnectFresh())
    assert.deepEqual(
      room.sandbox.azure.journal.requests().map(({ query }) => query['api-version']),
      ['2019-12-01', '2022-08-01'],
    )
  })

  it('ENTRA_SCOPES are the scopes of which a person’s token needs one', async (t) => {
    const room = await start(t, { ENTRA_SCOPES: 'Other.Scope' })
    assertRefused(await room.reconnect(), 401, 'AuthenticationFailed')
    assertAccepted(
      await room.reconnect({ as: { token: await room.sandbox.azure.mint({ kind: 'operator', scp: 'Other.Scope' }) } }),
    )
  })

  it('ENTRA_AUDIENCE takes several; api://x also admits x, x does not admit api://x', async (t) => {
    const room = await start(t, { ENTRA_AUDIENCE: 'api://first, second' })
    for (const [audience, status] of [
      ['api://first', 202],
      ['first', 202],
      ['second', 202],
      ['api://second', 401],
      ['third', 401],
    ] as const) {
      assert.equal(
        (await room.reconnect({ as: { token: await room.sandbox.azure.mint({ kind: 'operator', audience }) } })).status,
        status,
        audience,
      )
    }
  })

  it('AZURE_CLIENT_ID names the identity that is asked for', async (t) => {
    const room = await start(t, { AZURE_CLIENT_ID: '00000000-0000-4000-8000-000000000001' })
    const answer = await room.reconnect()
    assertRefused(answer, 503, 'ServiceUnavailable')
    assert.match(String((await room.decision(answer))['detail']), /No MSI found for specified ClientId/)
  })

  it('empty means unset, and blanks around a value are no part of it', async (t) => {
    assertAccepted(
      await (
        await start(t, {
          RECONNECT_MODE: '',
          RECONNECT_API_VERSIONS: ' ',
          AZURE_CLIENT_ID: '',
          RECONNECT_DEADLINE_SECONDS: ' 30 ',
        })
      ).reconnect(),
    )
  })
})

interface Problem {
  readonly name: string
  readonly expectation: string
  readonly example: string
}

/** The app prints them once; what it prints comes over a pipe. */
async function problemsOf({ sandbox }: Conversation, atLeast = 1): Promise<Problem[]> {
  const read = () =>
    sandbox
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{"event":"reconnect.configuration"'))
      .map((line) => JSON.parse(line) as Problem)
  for (let waitedMs = 0; read().length < atLeast && waitedMs < 30_000; waitedMs += 10) await delay(10)
  return read()
}

/** The built app in a folder of its own, so that no policy.json of the developer's is found. */
async function withoutPolicy(t: TestContext): Promise<{ appRoot: string; options: SandboxOptions }> {
  const appRoot = await mkdtemp(join(tmpdir(), 'app-root-'))
  t.after(() => rm(appRoot, { recursive: true, force: true }))
  await cp(APP_ROOT, appRoot, { recursive: true, filter: (path) => basename(path) !== 'policy.json' })
  return { appRoot, options: { appRoot, env: { RECONNECT_POLICY: undefined } } }
}
