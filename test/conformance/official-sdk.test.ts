/** Contract, section 3: any ARM client works by changing its base URL. The official SDK does, unchanged, over TLS – and hears from us what ARM itself would have told it. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { ApiManagementClient, type ApiManagementClientOptionalParams } from '@azure/arm-apimanagement'
import { RestError } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import type { Fault } from '../../sandbox/azure/faults.ts'
import { API_AUDIENCE } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { mintIdentityToken } from '../../sandbox/azure/tokens.ts'
import { trust } from '../support/tls-authority.ts'
import { startConversation } from './conversation.ts'

const OTHER_SUBSCRIPTION_ID = 'b8c1e9a2-0000-4000-8000-9a2d7c3f4b05'
const room = await startConversation(
  { after },
  {
    policy: {
      grants: [SUBSCRIPTION_ID, OTHER_SUBSCRIPTION_ID].map((id) => ({
        principal: 'role:Reconnect.Operator',
        scope: `/subscriptions/${id}`,
      })),
    },
  },
)
const { info, azure } = room.sandbox
trust({ certificate: azure.caCertificate })

/** A credential that has one token, and remembers for what it was asked. */
function credentialWith(token: string): TokenCredential & { readonly asked: unknown[] } {
  const asked: unknown[] = []
  return {
    asked,
    getToken(scopes) {
      asked.push(scopes)
      return Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 })
    },
  }
}

type Options = ApiManagementClientOptionalParams

const operator = credentialWith(info.tokens.operator)
const identity = credentialWith(mintIdentityToken(azure.keys, info.arm, Date.now(), false).token)
const throughUs = (options: Options = {}, credential = operator, subscription = SUBSCRIPTION_ID) =>
  new ApiManagementClient(credential, subscription, {
    endpoint: info.proxyTls,
    credentialScopes: `${API_AUDIENCE}/.default`,
    ...options,
  })
const direct = (options: Options = {}, subscription = SUBSCRIPTION_ID) =>
  new ApiManagementClient(identity, subscription, { endpoint: info.arm, ...options })

type Call = (client: ApiManagementClient) => Promise<unknown>

async function errorOf(call: Promise<unknown>): Promise<RestError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof RestError, `expected a RestError, not ${String(error)}`)
  return error
}

/** What code that catches a RestError looks at. */
function facts(error: RestError): object {
  const { name, code, statusCode, message, details } = error
  return {
    name,
    code,
    statusCode,
    message,
    details,
    body: JSON.parse(error.response?.bodyAsText ?? 'null') as unknown,
    retryAfter: error.response?.headers.get('retry-after'),
  }
}

/** The name of a backend of apim-prod that was not asked for before. */
const fresh = (): string => room.freshBackend().split('/').at(-1) as string

beforeEach(() => {
  azure.faults.clear()
  azure.journal.clear()
})

describe('backend.reconnect of the official SDK', () => {
  it('the SDK without after resolves as with ARM, and ARM received what the SDK would have sent it', async () => {
    const backend = fresh()
    assert.deepEqual(
      await throughUs().backend.reconnect('rg-apim', 'apim-prod', backend),
      await direct().backend.reconnect('rg-apim', 'apim-prod', backend),
    )
    const [first, second] = azure.journal.requests()
    assert.deepEqual(
      [first?.method, first?.path, first?.query, first?.body],
      [second?.method, second?.path, second?.query, second?.body],
    )
    assert.deepEqual(operator.asked[0], [`${API_AUDIENCE}/.default`])
  })

  it('the SDK’s after is forwarded as given', async () => {
    await throughUs().backend.reconnect('rg-apim', 'apim-prod', 'payments', { parameters: { after: 'PT5M' } })
    assert.deepEqual(
      azure.journal.effects().map(({ backend, after: given }) => [backend, given]),
      [[RECONNECTABLE_BACKENDS[1], 'PT5M']],
    )
  })

  it('the SDK reaches a backend id of every character that one may have', async () => {
    const backend = RECONNECTABLE_BACKENDS[3] as string
    await throughUs().backend.reconnect('rg-apim', 'apim-prod', backend.slice(backend.lastIndexOf('/') + 1))
    assert.equal(azure.journal.effects()[0]?.backend, backend)
  })

  for (const apiVersion of ['2021-08-01', '2022-08-01', '2024-05-01']) {
    it(`the SDK with apiVersion ${apiVersion} is served`, async () => {
      await throughUs({ apiVersion }).backend.reconnect('rg-apim', 'apim-prod', fresh())
      assert.deepEqual(
        azure.journal.requests().map(({ query }) => query['api-version']),
        [apiVersion],
      )
    })
  }

  it('a 202 ends the call of the SDK: one request, nothing polled', async () => {
    const seen: [number, string | undefined, string | undefined][] = []
    const before = room.decisions().length
    await throughUs().backend.reconnect('rg-apim', 'apim-prod', fresh(), {
      onResponse: ({ status, headers }) =>
        seen.push([status, headers.get('x-reconnect-outcome'), headers.get('x-ms-routing-request-id')?.slice(0, 11)]),
    })
    assert.deepEqual([seen, azure.journal.requests().length], [[[202, 'forwarded', 'WESTEUROPE:']], 1])
    await room.decision({ correlationId: String(azure.journal.requests()[0]?.headers['x-ms-correlation-request-id']) })
    assert.equal(room.decisions().length, before + 1)
  })

  it('the SDK’s x-ms-client-request-id travels to ARM and comes back', async () => {
    const ids: (string | undefined)[] = []
    await throughUs().backend.reconnect('rg-apim', 'apim-prod', fresh(), {
      onResponse: ({ request, headers }) =>
        ids.push(request.headers.get('x-ms-client-request-id'), headers.get('x-ms-client-request-id')),
    })
    assert.equal(ids[0], azure.journal.requests()[0]?.headers['x-ms-client-request-id'])
    assert.equal(ids[0], ids[1])
  })

  it('a dry run with the SDK is a custom header', async () => {
    await throughUs().backend.reconnect('rg-apim', 'apim-prod', 'orders', {
      requestOptions: { customHeaders: { 'x-reconnect-dry-run': 'true' } },
    })
    assert.deepEqual(azure.journal.requests(), [])
  })
})

describe('an error of ARM arrives as the RestError that ARM itself causes', () => {
  const reconnect =
    (...names: readonly [group: string, service: string, backend: string]): Call =>
    (client) =>
      client.backend.reconnect(...names)
  const orders = reconnect('rg-apim', 'apim-prod', 'orders')
  const cases: { what: string; call: Call; fault?: Omit<Fault, 'target'> }[] = [
    { what: '404, no such backend', call: reconnect('rg-apim', 'apim-prod', 'nowhere') },
    { what: '404, no such service', call: reconnect('rg-apim', 'apim-none', 'orders') },
    {
      what: '404, no such resource group',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'gone'),
      fault: { kind: '404', code: 'ResourceGroupNotFound', message: "Resource group 'rg-apim' could not be found." },
    },
    { what: '400, not in this pricing tier', call: reconnect('rg-apim', 'apim-serverless', 'orders') },
    { what: '400, being activated', call: reconnect('rg-apim', 'apim-new', 'orders') },
    {
      what: '400 with details',
      call: orders,
      fault: {
        kind: '400',
        code: 'ValidationError',
        message: 'One or more fields contain incorrect values:',
        details: [{ code: 'ValidationError', target: 'after', message: 'no' }],
      },
    },
    { what: '409', call: orders, fault: { kind: '409' } },
    { what: '409 with Retry-After', call: orders, fault: { kind: '409', retryAfter: '5' } },
    { what: '412', call: orders, fault: { kind: '412' } },
    {
      what: '422',
      call: orders,
      fault: {
        kind: '422',
        code: 'ManagementApiRequestFailed',
        message: 'no',
        details: [{ code: 'x', message: 'y', details: null }],
      },
    },
    { what: '429', call: orders, fault: { kind: '429', retryAfter: '600' } },
  ]
  for (const { what, call, fault } of cases) {
    it(what, async () => {
      if (fault !== undefined) azure.faults.set([{ ...fault, target: 'arm' }])
      // The SDK's own retries would wait for the 429's ten minutes, here as with ARM.
      const options = { retryOptions: { maxRetries: 0 } }
      const [ours, arms] = [await errorOf(call(throughUs(options))), await errorOf(call(direct(options)))]
      assert.deepEqual(facts(ours), facts(arms))
      assert.equal(ours.code !== undefined && ours.statusCode !== undefined, true)
    })
  }

  it('404, no such subscription', async () => {
    const ours = await errorOf(orders(throughUs({}, operator, OTHER_SUBSCRIPTION_ID)))
    assert.deepEqual(facts(ours), facts(await errorOf(orders(direct({}, OTHER_SUBSCRIPTION_ID)))))
    assert.deepEqual([ours.code, ours.statusCode], ['SubscriptionNotFound', 404])
  })
})

describe('an error of ours arrives as a RestError in the same manner', () => {
  const codes: {
    what: string
    statusCode: number
    code: string
    call: Call
    credential?: ReturnType<typeof credentialWith>
    options?: Options
  }[] = [
    {
      what: 'no grant',
      statusCode: 403,
      code: 'AuthorizationFailed',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'orders'),
      credential: credentialWith(info.tokens.stranger),
    },
    {
      what: 'a bad token',
      statusCode: 401,
      code: 'AuthenticationFailed',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'orders'),
      credential: credentialWith('x.y.z'),
    },
    {
      what: 'a version without the operation',
      statusCode: 400,
      code: 'InvalidApiVersionParameter',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'orders'),
      credential: operator,
      options: { apiVersion: '2016-07-07' },
    },
    {
      what: 'an after of more than a day',
      statusCode: 400,
      code: 'InvalidDuration',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'orders', { parameters: { after: 'PT25H' } }),
    },
    {
      what: 'a backend id that is none',
      statusCode: 400,
      code: 'InvalidResourceId',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'b'.repeat(81)),
    },
    {
      what: 'a backend id with a slash',
      statusCode: 400,
      code: 'InvalidResourceId',
      call: (client) => client.backend.reconnect('rg-apim', 'apim-prod', 'a/b'),
    },
  ]
  for (const { what, statusCode, code, call, credential = operator, options = {} } of codes) {
    it(`${what}: ${statusCode} ${code}`, async () => {
      const error = await errorOf(call(throughUs(options, credential)))
      assert.deepEqual(
        [error.statusCode, error.code, typeof (error.details as { error?: { message?: unknown } }).error?.message],
        [statusCode, code, 'string'],
      )
      assert.deepEqual(azure.journal.requests(), [])
    })
  }

  it("the SDK's path traversal ends here: '..' as backend, service or resource group reaches nothing", async () => {
    for (const [group, service, backend] of [
      ['rg-apim', 'apim-prod', '..'],
      ['rg-apim', 'apim-prod', '.'],
      ['rg-apim', '..', 'orders'],
      ['..', 'apim-prod', 'orders'],
      ['rg-apim', 'apim-prod', ''],
    ] as const) {
      assert.equal((await errorOf(throughUs().backend.reconnect(group, service, backend))).statusCode, 404)
    }
    assert.deepEqual(azure.journal.requests(), [])
  })
})
