import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const EXPLAIN = fileURLToPath(new URL('../../src/cli/explain.ts', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../examples/policy.json', import.meta.url))
const GROUP = '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-apim'
const BACKEND = `${GROUP}/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders`
const OPERATOR = ['--as', 'role:Reconnect.Operator', '--backend', BACKEND]

describe('npm run explain', () => {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'reconnect-explain-'))
    writeFileSync(join(folder, 'host.json'), '{}')
  })
  after(() => rmSync(folder, { recursive: true }))

  const explain = (args: readonly string[], env: Record<string, string> = {}) => {
    // Nothing of the surrounding environment: what is explained needs no setting but those named here.
    const { status, stdout, stderr } = spawnSync(process.execPath, [EXPLAIN, ...args], {
      cwd: folder,
      env,
      encoding: 'utf8',
    })
    return { status, stdout, stderr }
  }

  it('says that the caller may, by which grant, and exits with 0', () => {
    const { status, stdout, stderr } = explain([...OPERATOR, '--policy', EXAMPLE])
    assert.equal(stderr, '')
    assert.equal(status, 0)
    assert.match(stdout, /^Decision +ALLOWED$/m)
    assert.match(stdout, /^Because +grants\[0\] gives 'reconnect' to role:Reconnect\.Operator$/m)
    assert.match(stdout, /^Mode +on:/m)
    assert.match(stdout, /^ +service +apim-prod$/m)
  })

  it('says that the caller may not, what comes nearest, and exits with 1', () => {
    const { status, stdout } = explain([
      '--as',
      'app:66666666-7777-8888-9999-000000000000',
      '--backend',
      BACKEND.replace('orders', 'carts'),
      '--policy',
      EXAMPLE,
    ])
    assert.equal(status, 1)
    assert.match(stdout, /^Decision +DENIED \(403 AuthorizationFailed\)$/m)
    assert.match(stdout, /^Near miss +grants\[1\] names this principal, but its scope does not cover the backend:$/m)
    assert.match(stdout, /^Near miss +grants\[0\] covers the backend, but for another principal:$/m)
  })

  it('asks for both actions when a reconnect is to be forced', () => {
    const policy = JSON.stringify({ grants: [{ principal: 'role:a', scope: GROUP }] })
    const asA = ['--as', 'role:a', '--backend', BACKEND]
    assert.equal(explain(asA, { RECONNECT_POLICY: policy }).status, 0)
    const forced = explain([...asA, '--action', 'force'], { RECONNECT_POLICY: policy })
    assert.equal(forced.status, 1)
    assert.match(forced.stdout, /no grant gives 'force'/)
    assert.equal(explain([...asA, '--action', 'read'], { RECONNECT_POLICY: policy }).status, 1)
  })

  it('judges several principals as one caller', () => {
    const args = [
      '--as',
      'user:99999999-0000-1111-2222-333333333333',
      '--as',
      'group:AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE',
      '--backend',
      BACKEND.toUpperCase(),
      '--action',
      'read',
      '--policy',
      EXAMPLE,
    ]
    assert.equal(explain(args).status, 0)
    assert.equal(explain(args.filter((_, at) => at !== 2 && at !== 3)).status, 1)
  })

  it('denies everything when there is no policy, and says so', () => {
    const { status, stdout } = explain(OPERATOR)
    assert.equal(status, 1)
    assert.match(stdout, /^Policy +none, so every caller is denied$/m)
    assert.match(stdout, /^Near miss +none:/m)
  })

  it('answers programs with one JSON object: the decision, its grants by position, and every near miss', () => {
    const allowed = explain([...OPERATOR, '--policy', EXAMPLE, '--json'])
    assert.equal(allowed.status, 0)
    const { because, ...rest } = JSON.parse(allowed.stdout) as {
      because: { action: string; grant: { index: number } }[]
    }
    assert.deepEqual(
      because.map(({ action, grant }) => [action, grant.index]),
      [['reconnect', 0]],
    )
    assert.deepEqual(rest, {
      kind: 'caller',
      mode: 'on',
      policy: EXAMPLE,
      principals: ['role:Reconnect.Operator'],
      action: 'reconnect',
      backend: BACKEND,
      decision: 'allowed',
    })
    const denied = explain(['--as', 'role:none', '--backend', BACKEND, '--policy', EXAMPLE, '--json'])
    assert.equal(denied.status, 1)
    const told = JSON.parse(denied.stdout) as { decision: string; missing: string; nearMisses: { reason: string }[] }
    assert.deepEqual([told.decision, told.missing], ['denied', 'reconnect'])
    assert.ok(told.nearMisses.some(({ reason }) => reason === 'other_principal'))
  })

  it('reads mode and policy from local.settings.json, and the environment wins', () => {
    const file = join(folder, 'local.settings.json')
    writeFileSync(file, JSON.stringify({ Values: { RECONNECT_MODE: 'off', RECONNECT_POLICY_FILE: EXAMPLE } }))
    try {
      const off = explain(OPERATOR)
      assert.equal(off.status, 0)
      assert.match(off.stdout, /^Mode +off: a reconnect is answered 503/m)
      assert.match(explain(OPERATOR, { RECONNECT_MODE: 'dry-run' }).stdout, /^Mode +dry-run:/m)
    } finally {
      rmSync(file)
    }
  })

  it('takes no more than five near misses for an explanation', () => {
    const grants = Array.from({ length: 8 }, (_, at) => ({ principal: `role:r${at}`, scope: GROUP }))
    const { stdout } = explain(OPERATOR, { RECONNECT_POLICY: JSON.stringify({ grants }) })
    assert.equal(stdout.match(/^Near miss/gm)?.length, 5)
    assert.match(stdout, /and 3 more grants/)
  })

  it('helps', () => {
    const { status, stdout } = explain(['--help'])
    assert.equal(status, 0)
    assert.match(stdout, /--as PRINCIPAL/)
    assert.match(stdout, /Exit code: 0 allowed \(an alert at least would act\), 1 denied \(none would\), 2 /)
  })

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['nothing', [], /--as is missing[^]*--backend is missing/],
    ['no principal', ['--backend', BACKEND], /^--as is missing/],
    ['no backend', ['--as', 'role:a'], /^--backend is missing/],
    ['a principal that is none', ['--as', 'Operator', '--backend', BACKEND], /^--as "Operator": expected 'app:/],
    ['a principal without colon', ['--as', 'roleX', '--backend', BACKEND], /^--as "roleX": expected/],
    [
      'a backend that is none',
      ['--as', 'role:a', '--backend', 'orders'],
      /^--backend "orders": expected \/subscriptions\//,
    ],
    [
      'a dot segment',
      ['--as', 'role:a', '--backend', BACKEND.replace('orders', '..')],
      /^--backend .*: expected backendId as 1 to 80/,
    ],
    ['what a terminal would obey', ['--as', 'role:a', '--backend', '\u001b[2J'], /^--backend "\\u001b\[2J"/],
    [
      'an unknown action',
      [...OPERATOR, '--action', 'write'],
      /^--action "write": expected reconnect, read, force or pause/,
    ],
    ['two backends', [...OPERATOR, '--backend', BACKEND], /^--backend is given more than once/],
    ['two actions', [...OPERATOR, '--action', 'read', '--action', 'force'], /^--action is given more than once/],
    ['two policies', [...OPERATOR, '--policy', EXAMPLE, '--policy', EXAMPLE], /^--policy is given more than once/],
    ['an unknown option', [...OPERATOR, '--force'], /Unknown option '--force'/],
    ['an argument without option', [...OPERATOR, 'orders'], /Unexpected argument 'orders'/],
    [
      'a policy that is not there',
      [...OPERATOR, '--policy', 'gone.json'],
      /^--policy "gone\.json": expected the path of a file that exists/,
    ],
    ['a policy without path', [...OPERATOR, '--policy', ''], /^--policy is empty/],
  ]
  for (const [what, args, sentence] of refused) {
    it(`refuses ${what} with a sentence that names the option, and exits with 2`, () => {
      const { status, stdout, stderr } = explain(args)
      assert.equal(status, 2)
      assert.equal(stdout, '')
      assert.match(stderr, sentence)
    })
  }

  it('names every problem of a bad policy, with its path, and exits with 2', () => {
    const { status, stderr } = explain(OPERATOR, {
      RECONNECT_POLICY: '{"grants":[{"principal":"x","scope":"/"}],"grant":[]}',
      RECONNECT_MODE: 'maybe',
    })
    assert.equal(status, 2)
    for (const name of [
      'RECONNECT_MODE',
      'RECONNECT_POLICY grants[0].principal',
      'RECONNECT_POLICY grants[0].scope',
      'RECONNECT_POLICY grant:',
    ])
      assert.ok(stderr.includes(name), name)
  })

  describe('of an alert', () => {
    const ALERT = fileURLToPath(new URL('../../examples/alert.json', import.meta.url))
    const about = (webhook: string, body = ALERT, env: Record<string, string> = {}) =>
      explain(['--webhook', webhook, '--body', body, '--policy', EXAMPLE], env)
    function saved(content: unknown): string {
      const file = join(folder, 'body.json')
      writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
      return file
    }
    const alertFor = (labels: object, status = 'firing') => ({ status, labels })

    it('says attributes, backend, decision and grant, and exits with 0', () => {
      const { status, stdout, stderr } = about('alertmanager')
      assert.deepEqual([status, stderr], [0, ''])
      assert.match(stdout, /^Answer +202 \(1 of 1 alert would act\)$/m)
      assert.match(stdout, /backend_id = orders/)
      assert.match(stdout, /^ +Backend +\/subscriptions\/.*\/backends\/orders$/m)
      assert.match(stdout, /Decision +ACCEPTED/)
      assert.match(stdout, /grants\[\d+\] gives 'reconnect' to webhook:alertmanager/)
    })

    it('answers programs alert by alert', () => {
      const body = saved({ alerts: [alertFor({ apim_service: 'apim-prod', backend_id: 'orders' }), alertFor({})] })
      const { status, stdout } = explain(['--webhook', 'alertmanager', '--body', body, '--policy', EXAMPLE, '--json'])
      assert.equal(status, 0)
      const { answer, alerts } = JSON.parse(stdout) as {
        answer: string
        alerts: { outcome: string; backend?: string; detail?: string; attributes: Record<string, string> }[]
      }
      assert.equal(answer, '202 (1 of 2 alerts would act)')
      assert.deepEqual(
        alerts.map(({ outcome }) => outcome),
        ['permitted', 'unmatched'],
      )
      assert.equal(alerts[0]?.attributes['backend_id'], 'orders')
      assert.match(alerts[0]?.backend ?? '', /\/backends\/orders$/)
      assert.match(alerts[1]?.detail ?? '', /no attribute/)
    })

    it('says why an alert does not act, alert by alert, and exits with 1 when none does', () => {
      const body = saved({
        alerts: [
          alertFor({}),
          alertFor({ apim_service: 'apim-prod', backend_id: '..' }),
          alertFor({ apim_service: 'other', backend_id: 'orders' }),
          alertFor({}, 'resolved'),
        ],
      })
      const { status, stdout } = about('alertmanager', body)
      assert.equal(status, 1)
      assert.deepEqual(
        [...stdout.matchAll(/Decision +(\w+)/g)].map(([, decision]) => decision),
        ['UNMATCHED', 'INVALID', 'DENIED', 'RESOLVED'],
      )
      assert.match(stdout, /^Answer +200 \(0 of 4 alerts would act\)$/m)
      assert.match(stdout, /Near miss/)
      assert.match(
        about('alertmanager', saved({ alerts: [alertFor({ apim_service: 'other', backend_id: 'orders' })] })).stdout,
        /^Answer +403 AuthorizationFailed/m,
      )
    })

    it('says what the mode makes of it', () => {
      for (const [mode, answer, decision] of [
        ['dry-run', '200', 'DRY-RUN'],
        ['off', '200', 'SWITCHED-OFF'],
      ] as const) {
        const { stdout, status } = about('alertmanager', ALERT, { RECONNECT_MODE: mode })
        assert.match(stdout, new RegExp(`^Answer +${answer}`, 'm'))
        assert.match(stdout, new RegExp(`Decision +${decision}`))
        assert.equal(status, 0)
      }
    })

    it('says that the webhook itself only tries it out, unless the app is switched off', () => {
      const policy = JSON.stringify({
        webhooks: {
          trial: { format: 'generic', mode: 'dry-run', authentication: { type: 'bearer', secret: 'TRIAL' } },
        },
        grants: [{ principal: 'webhook:trial', scope: GROUP }],
      })
      const body = saved({ backends: [BACKEND] })
      const about = (env: Record<string, string>) =>
        explain(['--webhook', 'trial', '--body', body], { RECONNECT_POLICY: policy, ...env }).stdout
      assert.match(about({}), /^Mode +dry-run: .* \(mode of the webhook\)$/m)
      assert.match(about({}), /Decision +DRY-RUN/)
      assert.match(about({ RECONNECT_MODE: 'off' }), /Decision +SWITCHED-OFF/)
    })

    it('says that a payload is another format, or a handshake', () => {
      assert.match(about('azure-monitor').stdout, /^Answer +400 InvalidRequestContent: .*common alert schema/m)
      assert.match(about('alertmanager', saved('not json')).stdout, /^Answer +400/m)
      assert.match(
        about(
          'event-grid',
          saved([{ eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent', data: { validationCode: 'c' } }]),
        ).stdout,
        /^Answer +200: Event Grid asks/m,
      )
    })

    it('needs no secret, and prints nothing that a terminal would obey', () => {
      const { stdout, status } = about(
        'alertmanager',
        saved({ alerts: [alertFor({ apim_service: 'apim-prod', backend_id: 'orders', evil: '\u001b[2J\u0007' })] }),
      )
      assert.equal(status, 0)
      assert.doesNotMatch(stdout, /[^ -~\n]/)
    })

    it('refuses what it cannot answer, all of it at once', () => {
      for (const args of [
        ['--webhook', 'alertmanager'],
        ['--body', ALERT],
        ['--webhook', 'a', '--webhook', 'b', '--body', ALERT],
        ['--webhook', 'nobody', '--body', ALERT],
        ['--webhook', 'alertmanager', '--body', 'no-such-file'],
        ['--webhook', 'alertmanager', '--body', ALERT, '--as', 'role:a'],
      ]) {
        const { status, stdout, stderr } = explain([...args, '--policy', EXAMPLE])
        assert.deepEqual([status, stdout], [2, ''], args.join(' '))
        assert.match(stderr, /--(?:webhook|body|as)/)
      }
    })
  })
})
