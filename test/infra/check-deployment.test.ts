/** `npm run deploy:check`: what azd asks before it creates anything. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { findDeploymentProblems, type Deployment } from '../../infra/deployment-problems.ts'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { bash } from '../support/terminal.ts'

const POLICY = readFileSync(join(PROJECT_ROOT, 'examples/policy.json'), 'utf8')
const SERVICE =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod'
const GOOD: Deployment = {
  file: 'policy.json',
  policy: POLICY,
  environment: {
    ENTRA_CLIENT_ID: '11111111-0000-4000-8000-000000000001',
    APIM_SERVICE_IDS: SERVICE,
    KEY_VAULT_NAME: 'kv-x',
    WEBHOOK_SECRETS: 'ALERTMANAGER_TOKEN,GRAFANA_HMAC,EVENT_GRID_SECRET,DEPLOYMENTS_KEY',
  },
}
const find = (change: Partial<Deployment>, environment: Deployment['environment'] = {}) =>
  findDeploymentProblems({ ...GOOD, ...change, environment: { ...GOOD.environment, ...environment } })

describe('a deployment', () => {
  it('of the example policy with its secrets has no problem', () => {
    assert.deepEqual(find({}), { errors: [], notes: [] })
  })

  for (const [what, change, environment, error] of [
    [
      'without a registration',
      {},
      { ENTRA_CLIENT_ID: '' },
      /^ENTRA_CLIENT_ID is not set to a GUID\. Run npm run entra:register/,
    ],
    [
      'of what is no API Management service',
      {},
      { APIM_SERVICE_IDS: '/subscriptions/x' },
      /^APIM_SERVICE_IDS: '\/subscriptions\/x' is not/,
    ],
    [
      'with an alert and no object id',
      {},
      { BACKEND_ALERT: 'true', ENTRA_IDENTIFIER_URI: 'api://x' },
      /^ENTRA_OBJECT_ID is not set/,
    ],
    [
      'that would tell itself of its own trouble',
      {},
      {
        OPERATOR_ACTION_GROUP_ID:
          '/subscriptions/x/resourceGroups/y/providers/Microsoft.Insights/actionGroups/ag-apim-reconnect',
      },
      /^OPERATOR_ACTION_GROUP_ID is the action group that posts to this app/,
    ],
    ['with a bad prefix', {}, { STORAGE_PREFIX: '1blue' }, /^STORAGE_PREFIX must be/],
    [
      'without a policy',
      { policy: undefined },
      {},
      /^There is no policy\.json: without a policy the app refuses every request/,
    ],
    [
      'with a policy that the app would refuse',
      { policy: '{"deliverWithin":"never"}' },
      {},
      /^policy\.json: deliverWithin: expected /,
    ],
    [
      'whose secrets are not all listed',
      {},
      { WEBHOOK_SECRETS: 'GRAFANA_HMAC' },
      /does not list: ALERTMANAGER_TOKEN, EVENT_GRID_SECRET, DEPLOYMENTS_KEY\. First .*azd env set WEBHOOK_SECRETS GRAFANA_HMAC,ALERTMANAGER_TOKEN,EVENT_GRID_SECRET,DEPLOYMENTS_KEY/,
    ],
  ] as const)
    it(`${what} is stopped`, () => {
      const { errors } = find(change, environment)
      assert.equal(errors.length, 1, errors.join('\n'))
      assert.match(errors[0] ?? '', error)
    })

  for (const [what, change, environment, note] of [
    [
      'whose vault is not there yet',
      {},
      { KEY_VAULT_NAME: '', WEBHOOK_SECRETS: 'GRAFANA_HMAC,EVENT_GRID_SECRET,DEPLOYMENTS_KEY' },
      /the vault cannot have yet: ALERTMANAGER_TOKEN/,
    ],
    [
      'that lists a secret too many',
      {},
      { WEBHOOK_SECRETS: `${GOOD.environment['WEBHOOK_SECRETS']},OLD` },
      /does not name: OLD/,
    ],
    ['without a service', {}, { APIM_SERVICE_IDS: '' }, /^APIM_SERVICE_IDS is empty/],
    [
      'of another service than the policy grants',
      { policy: JSON.stringify({ grants: [{ principal: 'role:R', scope: `${SERVICE}-test` }] }) },
      { WEBHOOK_SECRETS: '' },
      /^grants\[0\] covers none/,
    ],
  ] as const)
    it(`${what} is not stopped, and told`, () => {
      const { errors, notes } = find(change, environment)
      assert.deepEqual([errors, notes.length], [[], 1])
      assert.match(notes[0] ?? '', note)
    })

  it('is stopped by the script with an exit code, and the policy is the one that the build takes', async () => {
    const run = (environment: NodeJS.ProcessEnv) =>
      bash('npm run --silent deploy:check', undefined, {
        RECONNECT_BUILD_POLICY: 'examples/policy.json',
        ...environment,
      })
    const good = await run(GOOD.environment)
    assert.deepEqual([good.code, good.stderr], [0, ''])
    const bad = await run({ ...GOOD.environment, RECONNECT_BUILD_POLICY: 'none.json' })
    assert.equal(bad.code, 1)
    assert.match(bad.stderr, /^error: There is no none\.json/)
  })
})
