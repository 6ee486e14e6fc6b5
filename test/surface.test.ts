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

const isHttp = ({ type }: Pick<Surface, 'type'>): boolean => type === 'httpTrigger'

test('the surface is the table of the contract, section 2: everything authenticates for itself', () => {
  const surface = [...worker.functions.values()].map(({ metadata }): Surface => {
    const trigger = Object.values(metadata.bindings).find(({ direction }) => direction === 'in')
    return {
      name: metadata.name,
      type: trigger?.type,
      route: trigger?.['route'],
      methods: trigger?.['methods'],
      authLevel: trigger?.['authLevel'],
    }
  })
  const http = { type: 'httpTrigger', authLevel: 'anonymous' }
  assert.deepEqual(surface.filter(isHttp), [
    {
      ...http,
      name: 'backend-reconnect',
      route:
        'subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect',
      methods: ['POST'],
    },
    { ...http, name: 'alert-receive', route: 'alerts/{webhook}', methods: ['POST', 'OPTIONS'] },
    { ...http, name: 'operation-list', route: 'operations', methods: ['GET'] },
    { ...http, name: 'operation-get', route: 'operations/{operationId}', methods: ['GET'] },
    { ...http, name: 'grant-list', route: 'grants', methods: ['GET'] },
    { ...http, name: 'backend-list', route: 'backends', methods: ['GET'] },
    { ...http, name: 'delivery-list', route: 'webhooks/{webhook}/deliveries', methods: ['GET'] },
    { ...http, name: 'pause-list', route: 'pauses', methods: ['GET'] },
    { ...http, name: 'pause-create', route: 'pauses', methods: ['POST'] },
    { ...http, name: 'pause-delete', route: 'pauses/{pauseId}', methods: ['DELETE'] },
    { ...http, name: 'health-live', route: 'health/live', methods: ['GET'] },
    { ...http, name: 'health-ready', route: 'health/ready', methods: ['GET'] },
    { ...http, name: 'openapi-get', route: 'openapi.json', methods: ['GET'] },
    { ...http, name: 'console', route: 'console/{file?}', methods: ['GET'] },
  ])
})

test('the queues: accepted alerts, and what the host has given up of them, in the storage account of the host', () => {
  const queues = [...worker.functions.values()].flatMap(({ metadata }) =>
    Object.values(metadata.bindings)
      .filter(({ type }) => type === 'queueTrigger')
      .map(({ queueName, connection }) => ({ name: metadata.name, queueName, connection })),
  )
  assert.deepEqual(queues, [
    { name: 'reconnect-deliver', queueName: 'reconnects', connection: 'AzureWebJobsStorage' },
    { name: 'reconnect-abandon', queueName: 'reconnects-poison', connection: 'AzureWebJobsStorage' },
  ])
})

test('a function has one trigger, those over HTTP an answer, and no other binding', () => {
  for (const { metadata } of worker.functions.values()) {
    const bindings = Object.values(metadata.bindings).map(({ type, direction }) => `${direction} ${type}`)
    assert.ok(
      [['in httpTrigger', 'out http'], ['in queueTrigger']].some(
        (expected) => expected.join() === bindings.toSorted().join(),
      ),
      bindings.join(),
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
  const headers = Object.fromEntries(
    Object.entries(host.extensions.http.customHeaders).map(([name, value]) => [name.toLowerCase(), value]),
  )
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('the queue settings: an alert does not wait, trouble does, and our own trouble has time to pass', () => {
  const host = JSON.parse(readFileSync('host.json', 'utf8')) as { extensions: { queues: Record<string, unknown> } }
  assert.deepEqual(host.extensions.queues, {
    // Alerts are for incidents: the default looks into an idle queue once a minute.
    maxPollingInterval: '00:00:02',
    // The default is 0: five failures within a second, and the message is given up. A message fails only where storage or configuration do.
    visibilityTimeout: '00:00:30',
    // A week of that, the longest `deliverWithin`: a message ends by its age and not by a count.
    maxDequeueCount: 20_160,
    // 24 at once at the most: three seconds' worth of ARM's write budget, so that a delivery never waits long for its turn.
    batchSize: 16,
    newBatchThreshold: 8,
    messageEncoding: 'base64',
  })
})
