import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, mock, test } from 'node:test'
import { createWorker, provideCoreModule } from '../sandbox/host/worker.ts'

/** What the real library registers with the worker, on the worker's own terms: the surface as the host sees it. */
const worker = createWorker(() => undefined)

before(async () => {
  // The warm-up waits for a timer; here there is nothing to warm.
  mock.timers.enable({ apis: ['setTimeout'] })
  provideCoreModule(worker)
  await import('../src/index.ts')
})

interface Surface {
  readonly name: string
  readonly type: unknown
  readonly route: unknown
  readonly methods: unknown
  readonly authLevel: unknown
}

test('the surface is the table of the contract, section 2: everything authenticates for itself', () => {
  const surface = [...worker.functions.values()].map(({ metadata }): Surface => {
    const trigger = Object.values(metadata.bindings).find(({ direction }) => direction === 'in')
    return { name: metadata.name, type: trigger?.type, route: trigger?.['route'], methods: trigger?.['methods'], authLevel: trigger?.['authLevel'] }
  })
  const http = { type: 'httpTrigger', authLevel: 'anonymous' }
  assert.deepEqual(surface, [
    {
      ...http,
      name: 'backend-reconnect',
      route:
        'subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect',
      methods: ['POST'],
    },
    { ...http, name: 'operation-list', route: 'operations', methods: ['GET'] },
    { ...http, name: 'operation-get', route: 'operations/{operationId}', methods: ['GET'] },
    { ...http, name: 'health-live', route: 'health/live', methods: ['GET'] },
    { ...http, name: 'health-ready', route: 'health/ready', methods: ['GET'] },
    { ...http, name: 'openapi-get', route: 'openapi.json', methods: ['GET'] },
  ])
})

test('a function has one trigger and one answer, and no other binding', () => {
  for (const { metadata } of worker.functions.values()) {
    assert.deepEqual(
      Object.values(metadata.bindings)
        .map(({ type, direction }) => `${direction} ${type}`)
        .toSorted(),
      ['in httpTrigger', 'out http'],
    )
  }
})

test('HTTP streaming is not switched on: the host reads the body and bounds it (decision 001)', async () => {
  const capabilities = (await worker.programmingModel?.getCapabilities?.({})) ?? {}
  assert.equal(capabilities['HttpUri'], undefined)
})

test('routes begin at the root, and the answers that the host makes without us are not cached either', () => {
  const host = JSON.parse(readFileSync('host.json', 'utf8')) as {
    extensions: { http: { routePrefix: string; customHeaders: Record<string, string> } }
  }
  assert.equal(host.extensions.http.routePrefix, '')
  const headers = Object.fromEntries(Object.entries(host.extensions.http.customHeaders).map(([name, value]) => [name.toLowerCase(), value]))
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
})
