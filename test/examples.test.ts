/** What examples/ shows is what this app understands: names, labels, headers and addresses agree with examples/policy.json. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { readAlerts } from '../src/alerts/read-alerts.ts'
import { selectBackend, templateAttributes } from '../src/alerts/select-backend.ts'
import { parsePolicy, type Webhook } from '../src/policy/policy-document.ts'
import { PROJECT_ROOT } from '../sandbox/create-sandbox.ts'
import { ALERT_PAYLOADS } from '../sandbox/azure/alert-payloads.ts'
import { startConversation } from './conformance/conversation.ts'
import { bash } from './support/terminal.ts'

const EXAMPLES = join(PROJECT_ROOT, 'examples')
const read = (name: string): string => readFileSync(join(EXAMPLES, name), 'utf8')
const policy = parsePolicy(read('policy.json'))
assert.ok(policy.ok)
const { webhooks, grants } = policy.value
const webhook = (name: string): Webhook => webhooks.find((one) => one.name === name) ?? assert.fail(name)
const BACKEND =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders'

/** Whether a tool is on PATH that knows the format better than we do. */
function tool(name: string, t: { diagnostic(text: string): void }): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${name}`])
    return true
  } catch {
    t.diagnostic(`${name} is not on PATH: the file was not checked by it`)
    return false
  }
}

describe('the policy', () => {
  it('grants every webhook that it has, and has every webhook that it grants', () => {
    const granted = grants.map(({ principal }) => principal).filter((principal) => principal.startsWith('webhook:'))
    assert.deepEqual(
      granted.map((principal) => principal.slice('webhook:'.length)).toSorted(),
      webhooks.map(({ name }) => name).toSorted(),
    )
  })

  it('is addressed by every other example, and by the templates of infra/, under the right name', () => {
    const files = readdirSync(EXAMPLES).filter((name) => /\.(?:ya?ml|sh)$/.test(name))
    const templates = ['modules/backend-alert.bicep', 'event-grid.bicep'].map((name) => `../infra/${name}`)
    const addressed = [...files, ...templates].flatMap((file) =>
      [...read(file).matchAll(/https:\/\/(?:reconnect\.contoso\.example|<app>)\/alerts\/([a-z0-9-]+)/g)].map(
        ([, name]) => name as string,
      ),
    )
    assert.deepEqual([...new Set(addressed)].toSorted(), webhooks.map(({ name }) => name).toSorted())
  })

  for (const [sender, name] of [
    ['azure-monitor', 'azure-monitor'],
    ['alertmanager', 'alertmanager'],
    ['grafana', 'grafana'],
    ['event-grid', 'event-grid'],
    ['generic', 'deployments'],
  ] as const) {
    it(`selects the backend that an alert of ${sender} is about`, () => {
      const payload = JSON.parse(
        JSON.stringify(ALERT_PAYLOADS[sender]({ backend: BACKEND, firing: true, nowEpochMs: Date.now() })),
      ) as unknown
      const reading = readAlerts(webhook(name).format, payload)
      assert.ok(reading.ok && reading.value.kind === 'alerts')
      const [alert] = reading.value.alerts
      assert.ok(alert)
      const selection = selectBackend(alert, webhook(name))
      assert.equal(selection.kind === 'selected' && selection.backend.key, BACKEND.toLowerCase())
    })
  }
})

describe('alertmanager.yml and prometheus-rules.yml', () => {
  const config = parseYaml(read('alertmanager.yml')) as {
    route: { routes: { matchers: string[]; group_by: string[]; receiver: string }[] }
    receivers: { name: string; webhook_configs?: { url: string; http_config: { authorization: { type: string } } }[] }[]
  }
  const rules = parseYaml(read('prometheus-rules.yml')) as { groups: { rules: { expr: string }[] }[] }
  const needed = templateAttributes(
    webhook('alertmanager').format === 'alertmanager'
      ? String((webhook('alertmanager') as { backend?: string }).backend)
      : '',
  )

  it('route, group and set the labels that the policy’s template needs', () => {
    const [route] = config.route.routes
    for (const label of needed) {
      assert.ok(
        route?.matchers.some((matcher) => matcher.startsWith(label)),
        label,
      )
      assert.ok(route?.group_by.includes(label), label)
      assert.match(rules.groups[0]?.rules[0]?.expr ?? '', new RegExp(`by \\([^)]*\\b${label}\\b`))
    }
  })

  it('prove themselves as the policy says', () => {
    const receiver = config.receivers.find(({ name }) => name === config.route.routes[0]?.receiver)
    assert.deepEqual(
      [receiver?.webhook_configs?.[0]?.http_config.authorization.type, webhook('alertmanager').authentication.type],
      ['Bearer', 'bearer'],
    )
  })

  it('are what Alertmanager itself accepts', (t) => {
    if (tool('amtool', t)) execFileSync('amtool', ['check-config', join(EXAMPLES, 'alertmanager.yml')])
  })
})

describe('grafana-contact-point.yaml', () => {
  it('signs as the policy checks, and names the label that the template needs', () => {
    const { contactPoints } = parseYaml(read('grafana-contact-point.yaml')) as {
      contactPoints: { receivers: { type: string; settings: { hmacConfig: Record<string, string> } }[] }[]
    }
    const [receiver] = contactPoints[0]?.receivers ?? []
    const { authentication } = webhook('grafana')
    assert.ok(authentication.type === 'hmac')
    assert.equal(receiver?.type, 'webhook')
    assert.deepEqual(
      [receiver?.settings.hmacConfig['header'], receiver?.settings.hmacConfig['timestampHeader']],
      [authentication.header ?? 'X-Grafana-Alerting-Signature', authentication.timestampHeader],
    )
    for (const label of templateAttributes(String((webhook('grafana') as { backend?: string }).backend)))
      assert.ok(read('grafana-contact-point.yaml').includes(label))
  })
})

describe('reconnect-after-deployment.sh', () => {
  it('is accepted by a running app, and fails where a backend is left out', async (t) => {
    const key = `whsec_${randomBytes(32).toString('base64')}`
    const scope = BACKEND.slice(0, BACKEND.indexOf('/providers/'))
    const room = await startConversation(t, {
      policy: {
        grants: [{ principal: 'webhook:deployments', scope }],
        webhooks: {
          deployments: { format: 'generic', authentication: { type: 'standard-webhooks', secret: 'DEPLOYMENTS_KEY' } },
        },
      },
      env: { DEPLOYMENTS_KEY: key, RECONNECT_MODE: 'dry-run' },
    })
    const run = (secret: string, ...backends: readonly string[]) =>
      bash(
        `sh ${join(EXAMPLES, 'reconnect-after-deployment.sh')} ${backends.map((id) => `'${id}'`).join(' ')}`,
        PROJECT_ROOT,
        { RECONNECT_URL: `${room.sandbox.info.proxy}/alerts/deployments`, RECONNECT_KEY: secret },
      )
    const outcomesOf = (stdout: string): readonly string[] =>
      (JSON.parse(stdout) as { alerts: { outcome: string }[] }).alerts.map(({ outcome }) => outcome)
    const { code, stdout, stderr } = await run(key, BACKEND, `${BACKEND}2`, `${BACKEND}"quoted"`)
    assert.equal(code, 0, stderr)
    assert.deepEqual(outcomesOf(stdout), ['dry-run', 'dry-run', 'dry-run'])

    const other = BACKEND.replace(/resourceGroups\/[^/]+/, 'resourceGroups/rg-other')
    for (const [left, outcome] of [
      [`${BACKEND}/x`, 'invalid'],
      [other, 'denied'],
    ] as const) {
      const partly = await run(key, BACKEND, left)
      assert.equal(partly.code, 1, 'a pipeline that goes on would think that both were reconnected')
      assert.deepEqual(outcomesOf(partly.stdout), ['dry-run', outcome])
      assert.match(partly.stderr, /left out/)
    }
    const refused = await run(key, other)
    assert.equal(refused.code, 1)
    assert.match(refused.stdout, /AuthorizationFailed/, 'what the app says is shown')
    assert.notEqual((await run(`whsec_${randomBytes(32).toString('base64')}`, BACKEND)).code, 0)
  })
})
