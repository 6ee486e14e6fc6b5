/** Contract, section 5: what senders post, what they are answered, and that ARM hears of it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { sandboxPolicy } from '../support/sandbox-policy.ts'
import { SANDBOX_WEBHOOKS, WEBHOOK_SECRETS, type SandboxWebhook } from '../../sandbox/webhooks.ts'
import { startConversation } from './conversation.ts'
import {
  actionGroup,
  alert,
  eventsOf,
  groupOf,
  hmac,
  isFinal,
  operationWhen,
  post,
  queueOf,
  type Posted,
} from './senders.ts'

const room = await startConversation({ after })
const WEBHOOKS = Object.keys(SANDBOX_WEBHOOKS) as SandboxWebhook[]
const outcomes = (posted: Posted): readonly string[] => posted.alerts.map(({ outcome }) => outcome)
const bearer = { authorization: `Bearer ${WEBHOOK_SECRETS.ALERTMANAGER_TOKEN}` }
const errorOf = (posted: Posted): { code: string; message: string } =>
  (posted.json() as { error: { code: string; message: string } }).error

describe('every sender', { concurrency: 2 }, () => {
  for (const webhook of WEBHOOKS) {
    it(`${webhook}: a firing alert is accepted, delivered to ARM once, and can be looked up`, async () => {
      const backend = room.freshBackend()
      const posted = await alert(room, webhook, backend)
      assert.equal(posted.status, 202, posted.text)
      const [answer, ...more] = posted.alerts
      assert.deepEqual([answer?.outcome, answer?.backend?.toLowerCase(), more], ['accepted', backend.toLowerCase(), []])
      const operation = await operationWhen(room, answer?.operation, isFinal)
      assert.equal(operation.state, 'forwarded')
      assert.deepEqual(operation['caller'], {
        kind: 'webhook',
        id: webhook,
        ...(webhook === 'azure-monitor' ? { name: '461e8683-5575-4561-ac7f-899cc907d62a' } : {}),
      })
      const {
        kind,
        webhook: named,
        alertId,
      } = operation['trigger'] as { kind: string; webhook: string; alertId?: string }
      assert.deepEqual([kind, named, typeof alertId], ['webhook', webhook, 'string'])
      assert.equal(room.armReceived(String(operation['backend'])).length, 1)
      const [accepted, delivered] = await eventsOf(room, posted, 2)
      assert.deepEqual(
        [accepted?.['outcome'], delivered?.['outcome'], delivered?.['armStatus']],
        ['accepted', 'forwarded', 202],
      )
    })

    if (webhook !== 'generic') {
      it(`${webhook}: a resolved alert is answered 200, recorded in the log, and nothing is done`, async () => {
        const backend = room.freshBackend()
        const posted = await alert(room, webhook, backend, { firing: false })
        assert.deepEqual([posted.status, outcomes(posted), posted.alerts[0]?.backend], [200, ['resolved'], backend])
        assert.deepEqual(
          (await eventsOf(room, posted)).map(({ outcome }) => outcome),
          ['resolved'],
        )
        assert.equal(room.armReceived(backend).length, 0)
      })
    }
  }

  it('names of webhooks match without regard to case, as paths do', async () => {
    const posted = await alert(room, 'alertmanager', room.freshBackend(), { webhook: 'AlertManager' })
    assert.deepEqual(outcomes(posted), ['accepted'])
  })
})

describe('an unknown webhook and a wrong proof are indistinguishable', { concurrency: 4 }, () => {
  const body = groupOf(['/subscriptions/a/resourceGroups/b/providers/Microsoft.ApiManagement/service/c/backends/d'])
  const wrong: readonly (readonly [string, () => Promise<Posted>])[] = [
    ['an unknown webhook', () => post(room, 'unknown', { headers: bearer, body })],
    ['no proof at all', () => post(room, 'alertmanager', { body })],
    [
      'a wrong bearer secret',
      () => post(room, 'alertmanager', { headers: { authorization: `Bearer ${WEBHOOK_SECRETS.GRAFANA_HMAC}` }, body }),
    ],
    [
      'a secret that only begins well',
      () => post(room, 'alertmanager', { headers: { authorization: `${bearer.authorization}x` }, body }),
    ],
    [
      'a signature over other bytes',
      () =>
        alert(room, 'grafana', room.freshBackend(), {
          headers: { 'x-grafana-alerting-signature': hmac(WEBHOOK_SECRETS.GRAFANA_HMAC, 'other') },
        }),
    ],
    [
      'a signature without its time',
      () =>
        post(room, 'grafana', {
          headers: { 'x-grafana-alerting-signature': hmac(WEBHOOK_SECRETS.GRAFANA_HMAC, body) },
          body,
        }),
    ],
    ['no query secret', () => alert(room, 'event-grid', room.freshBackend(), { query: '' })],
    [
      'the query secret twice',
      () =>
        alert(room, 'event-grid', room.freshBackend(), {
          query: `?secret=${WEBHOOK_SECRETS.EVENT_GRID_SECRET}&secret=${WEBHOOK_SECRETS.EVENT_GRID_SECRET}`,
        }),
    ],
    [
      'a token without the role',
      () =>
        alert(room, 'azure-monitor', room.freshBackend(), {
          headers: { authorization: `Bearer ${room.sandbox.info.tokens.tool}` },
        }),
    ],
    [
      'a person’s token with the role',
      async () =>
        alert(room, 'azure-monitor', room.freshBackend(), {
          headers: {
            authorization: `Bearer ${await room.sandbox.azure.mint({ kind: 'operator', roles: ['ActionGroupsSecureWebhook'] })}`,
          },
        }),
    ],
    [
      'Standard Webhooks with another id',
      () => alert(room, 'generic', room.freshBackend(), { headers: { 'webhook-id': 'msg_other' } }),
    ],
    ['a body that is no JSON', () => post(room, 'alertmanager', { body: 'not json' })],
    [
      'a media type that is none of ours',
      () => post(room, 'alertmanager', { headers: { 'content-type': 'text/plain' }, body }),
    ],
  ]
  for (const [what, reconnect] of wrong) {
    it(`${what}: 401, one message, nothing of body or target`, async () => {
      const posted = await reconnect()
      const error = errorOf(posted)
      assert.deepEqual(
        [posted.status, error.code, error.message],
        [401, 'AuthenticationFailed', errorOf(await post(room, 'unknown')).message],
      )
      assert.equal(posted.headers['www-authenticate'], 'Bearer')
      assert.doesNotMatch(error.message, /bearer|token/i)
      const [event, ...more] = await eventsOf(room, posted)
      assert.deepEqual([event?.['outcome'], event?.['fault'], more], ['refused', 'caller', []])
      assert.match(String(event?.['reason']), /^webhook_|^credential_/)
    })
  }

  it('a replay outside the tolerance is a 401 like any wrong proof', async () => {
    const backend = room.freshBackend()
    const text = groupOf([backend])
    // A time that lies ahead comes nearer until the app reads it; the exact limit is a unit test's.
    for (const ago of [301, -360]) {
      const seconds = String(Math.floor(Date.now() / 1_000) - ago)
      const headers = {
        'x-grafana-alerting-timestamp': seconds,
        'x-grafana-alerting-signature': hmac(WEBHOOK_SECRETS.GRAFANA_HMAC, `${seconds}:${text}`),
      }
      const posted = await post(room, 'grafana', { headers, body: text })
      assert.equal(posted.status, 401)
      assert.equal((await eventsOf(room, posted))[0]?.['reason'], 'webhook_timestamp')
    }
  })
})

describe('two secrets per webhook', () => {
  it('the current and the next secret of a webhook are accepted, and no third one', async (t) => {
    const secrets = { NOW: 'dk3Jhd83KJhdk3js83kd', NEXT: 'Lk3js9Kd83jdkL39skd8' }
    const webhook = {
      ...SANDBOX_WEBHOOKS.alertmanager,
      authentication: { type: 'basic', username: 'am', secret: 'NOW', nextSecret: 'NEXT' },
    }
    const own = await startConversation(t, {
      policy: sandboxPolicy({ webhooks: { alertmanager: webhook } }),
      env: secrets,
    })
    const withPassword = (password: string) =>
      post(own, 'alertmanager', {
        headers: { authorization: `Basic ${Buffer.from(`am:${password}`).toString('base64')}` },
        body: groupOf([], {}),
      })
    assert.deepEqual(
      (await Promise.all([secrets.NOW, secrets.NEXT, `${secrets.NOW}x`].map(withPassword))).map(({ status }) => status),
      [200, 200, 401],
    )
  })
})

describe('what the sender got wrong', { concurrency: 4 }, () => {
  it('400: the payload is not the webhook’s format', async () => {
    for (const body of ['not json', '[]', '{}', '{"alerts":{}}', '{"alerts":[1]}', '"alerts"', '\u00ff', '']) {
      const posted = await post(room, 'alertmanager', { headers: bearer, body })
      assert.deepEqual([posted.status, errorOf(posted).code], [400, 'InvalidRequestContent'], body)
      assert.equal((await eventsOf(room, posted))[0]?.['reason'], 'payload_invalid')
    }
  })

  it('400 for Azure Monitor’s older schemas: the message says what to switch on', async () => {
    const posted = await alert(room, 'azure-monitor', '', {
      body: JSON.stringify({ schemaId: 'AzureMonitorMetricAlert', data: { status: 'Activated', context: {} } }),
    })
    assert.equal(posted.status, 400)
    assert.match(errorOf(posted).message, /common alert schema/)
  })

  it('400: a payload that is nested thousands deep', async () => {
    for (const body of ['['.repeat(900_000), `{"alerts":${'['.repeat(5_000)}${']'.repeat(5_000)}}`]) {
      const posted = await post(room, 'alertmanager', { headers: bearer, body })
      assert.equal(posted.status, 400)
    }
  })

  it('413: more than 1 MiB, and more than 500 alerts; up to that it is read', async () => {
    const big = groupOf([], {}).replace('"4"', `"${'4'.repeat(1024 * 1024)}"`)
    assert.equal((await post(room, 'alertmanager', { headers: bearer, body: big })).status, 413)
    const fits = groupOf([], {}).replace('"4"', `"${'4'.repeat(1024 * 1024 - 200)}"`)
    assert.equal((await post(room, 'alertmanager', { headers: bearer, body: fits })).status, 200)
    const many = groupOf(
      Array.from({ length: 501 }, () => room.sandbox.info.backends[0] as string),
      { status: 'resolved' },
    )
    assert.equal((await post(room, 'alertmanager', { headers: bearer, body: many })).status, 413)
  })

  it('415: another media type, once the sender is authenticated', async () => {
    const posted = await post(room, 'alertmanager', {
      headers: { ...bearer, 'content-type': 'text/plain' },
      body: groupOf([]),
    })
    assert.deepEqual([posted.status, errorOf(posted).code], [415, 'UnsupportedMediaType'])
  })

  it('411: chunked bodies, which the platform drops', async () => {
    assert.equal(
      (await post(room, 'alertmanager', { headers: { ...bearer, 'transfer-encoding': 'chunked' }, body: groupOf([]) }))
        .status,
      411,
    )
  })

  it('duplicate names and __proto__ are members like any other', async () => {
    const backend = room.freshBackend()
    const body = groupOf([backend]).replace(
      '"labels":{',
      '"__proto__":{"status":"resolved"},"labels":{"backend_id":"other","__proto__":"x","constructor":"y",',
    )
    const posted = await post(room, 'alertmanager', { headers: bearer, body })
    assert.deepEqual([posted.status, posted.alerts.map((one) => one.backend)], [202, [backend]])
  })
})

describe('the payload selects, the policy permits', { concurrency: 4 }, () => {
  const labelled = (labels: object, more: object = {}) =>
    JSON.stringify({ alerts: [{ status: 'firing', labels, ...more }] })
  const send = (body: string): Promise<Posted> => post(room, 'alertmanager', { headers: bearer, body })

  it('unmatched: an alert without a target, as tests from a sender’s portal are', async () => {
    const posted = await send(labelled({ alertname: 'TestAlert' }))
    assert.deepEqual([posted.status, outcomes(posted)], [200, ['unmatched']])
    assert.match(posted.alerts[0]?.reason ?? '', /apim_service/)
  })

  it('invalid: template values with slashes, dots or other tricks never reach ARM', async () => {
    for (const id of [
      '..',
      '.',
      'a/b',
      '../../backends/x',
      'a%2fb',
      'a b',
      'a?b',
      'a#b',
      'x'.repeat(81),
      'orders/',
      '/orders',
      'a\\b',
      'orders\u0000',
      '{apim_service}',
      'ordérs',
    ]) {
      const posted = await send(labelled({ apim_service: 'apim-prod', backend_id: id }))
      // Braces are legal characters of a backend id, and are not read as a template again.
      const expected = id === '{apim_service}' ? 'accepted' : 'invalid'
      assert.deepEqual(outcomes(posted), [expected], id)
      if (expected === 'invalid') assert.deepEqual([posted.status, posted.alerts[0]?.backend], [200, null])
    }
    const traversal = await send(labelled({ apim_service: 'apim-prod/backends/orders/../..', backend_id: 'orders' }))
    assert.deepEqual(outcomes(traversal), ['invalid'])
    for (const { path } of room.sandbox.azure.journal.requests())
      assert.match(path, /\/service\/apim-prod\/backends\/(?:fresh-[0-9]+|%7Bapim_service%7D)\/reconnect$/i)
  })

  it('denied: 403 when every firing alert was, and alert by alert otherwise; the message names action and scope', async () => {
    const elsewhere = room.sandbox.info.backends[0]?.replace('rg-apim', 'rg-other') as string
    const denied = await alert(room, 'grafana', elsewhere)
    assert.deepEqual([denied.status, outcomes(denied), errorOf(denied).code], [403, ['denied'], 'AuthorizationFailed'])
    assert.match(errorOf(denied).message, /'reconnect' over scope/)
    assert.equal((await eventsOf(room, denied))[0]?.['reason'], 'not_granted')
    const mixed = await alert(room, 'generic', '', {
      body: JSON.stringify({ backends: [elsewhere, room.freshBackend()] }),
    })
    assert.deepEqual([mixed.status, outcomes(mixed)], [202, ['denied', 'accepted']])
    const withUnmatched = await alert(room, 'grafana', '', {
      body: JSON.stringify({
        alerts: [
          { status: 'firing', labels: { backend_resource_id: elsewhere } },
          { status: 'firing', labels: {} },
          { status: 'resolved', labels: {} },
        ],
      }),
    })
    assert.deepEqual([withUnmatched.status, outcomes(withUnmatched)], [200, ['denied', 'unmatched', 'resolved']])
  })

  it('each alert acts by its own status, not by the status of its group', async () => {
    const backend = room.freshBackend()
    const firing = JSON.parse(groupOf([backend])) as { status: string; alerts: object[] }
    const [, , , , , , , , service, , id] = backend.split('/')
    const posted = await send(
      JSON.stringify({
        ...firing,
        status: 'resolved',
        truncatedAlerts: 2,
        alerts: [{ status: 'resolved', labels: { apim_service: service, backend_id: id } }, ...firing.alerts],
      }),
    )
    assert.deepEqual([posted.status, outcomes(posted)], [202, ['resolved', 'accepted']])
  })

  it('match narrows which alerts act at all', async (t) => {
    const webhook = { ...SANDBOX_WEBHOOKS.alertmanager, match: { alertname: ['Apim*', 'Exact'], severity: 'critical' } }
    const own = await startConversation(t, {
      policy: sandboxPolicy({ webhooks: { alertmanager: webhook } }),
      env: { ALERTMANAGER_TOKEN: WEBHOOK_SECRETS.ALERTMANAGER_TOKEN },
    })
    const told = async (labels: object) =>
      outcomes(
        await post(own, 'alertmanager', {
          headers: bearer,
          body: labelled({ apim_service: 'apim-prod', backend_id: 'orders', ...labels }),
        }),
      )
    assert.deepEqual(await told({ alertname: 'ApimBackendDown', severity: 'critical' }), ['accepted'])
    assert.deepEqual(await told({ alertname: 'Exact', severity: 'critical' }), ['accepted'])
    for (const labels of [
      { alertname: 'ApimBackendDown', severity: 'warning' },
      { alertname: 'Exactly', severity: 'critical' },
      { alertname: 'Other', severity: 'critical' },
      { severity: 'critical' },
    ])
      assert.deepEqual(await told(labels), ['unmatched'])
  })

  it('after is the webhook’s, or the generic alert’s own', async () => {
    const backend = room.freshBackend()
    const posted = await alert(room, 'generic', backend, {
      body: JSON.stringify({ backends: [backend], after: 'PT7M' }),
    })
    await operationWhen(room, posted.alerts[0]?.operation, isFinal)
    assert.deepEqual(
      room.armReceived(backend).map(({ body }) => JSON.parse(body) as unknown),
      [{ properties: { after: 'PT7M' } }],
    )
    const other = room.freshBackend()
    const second = await post(room, 'alertmanager', { headers: bearer, body: groupOf([other]) })
    await operationWhen(room, second.alerts[0]?.operation, isFinal)
    assert.deepEqual(
      room.armReceived(other).map(({ body }) => JSON.parse(body) as unknown),
      [{ properties: { after: 'PT2M' } }],
    )
  })
})

describe('Event Grid’s handshakes', { concurrency: 4 }, () => {
  const secret = `?secret=${WEBHOOK_SECRETS.EVENT_GRID_SECRET}`
  const options = (
    query: string,
    headers: Readonly<Record<string, string>> = { 'webhook-request-origin': 'eventgrid.azure.net' },
  ) => post(room, 'event-grid', { method: 'OPTIONS', query, headers: { 'content-type': undefined, ...headers } })

  it('CloudEvents: OPTIONS is answered with the origin, once the sender is authenticated', async () => {
    const answer = await options(secret)
    assert.deepEqual([answer.status, answer.headers['webhook-allowed-origin']], [200, 'eventgrid.azure.net'])
    assert.match(String(answer.headers['webhook-allowed-rate']), /./)
    assert.equal((await options('?secret=wrong')).status, 401)
    assert.equal((await options('')).status, 401)
    assert.equal(
      (
        await post(room, 'unknown', {
          method: 'OPTIONS',
          query: secret,
          headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
        })
      ).status,
      401,
    )
  })

  it('OPTIONS is no CORS preflight, and repeats no nonsense', async () => {
    for (const headers of [
      { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      { 'webhook-request-origin': 'evil example' },
      { 'webhook-request-origin': 'a'.repeat(300) },
    ]) {
      const answer = await options(secret, headers)
      assert.deepEqual([answer.status, answer.headers['webhook-allowed-origin']], [400, undefined])
    }
  })

  it('a webhook that is signed cannot prove itself without a body', async () => {
    assert.equal(
      (await post(room, 'grafana', { method: 'OPTIONS', headers: { 'webhook-request-origin': 'eventgrid.azure.net' } }))
        .status,
      401,
    )
  })

  it('Event Grid schema: the answer has the validation code', async () => {
    const code = randomUUID()
    const body = JSON.stringify([
      {
        id: randomUUID(),
        topic: '/subscriptions/x',
        subject: '',
        data: { validationCode: code, validationUrl: 'https://x' },
        eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
        eventTime: '2026-01-01T00:00:00Z',
        metadataVersion: '1',
        dataVersion: '1',
      },
    ])
    const answer = await alert(room, 'event-grid', '', {
      body,
      headers: { 'aeg-event-type': 'SubscriptionValidation' },
    })
    assert.deepEqual([answer.status, answer.json()], [200, { validationResponse: code }])
  })

  it('both schemas of Event Grid are read, one event or a batch, with their media types', async () => {
    const events = () => {
      const backend = room.freshBackend()
      const source = backend.slice(0, backend.lastIndexOf('/backends/'))
      const backendName = backend.slice(backend.lastIndexOf('/') + 1)
      const type = 'Microsoft.ApiManagement.CircuitBreaker.Opened'
      return {
        cloud: {
          id: randomUUID(),
          source,
          subject: `/backends/${backendName}`,
          type,
          time: '2026-01-01T00:00:00Z',
          specversion: '1.0',
          data: { backendName, circuitBreaker: { rules: {} } },
        },
        grid: {
          id: randomUUID(),
          topic: source,
          subject: `/backends/${backendName}`,
          eventType: type,
          eventTime: '2026-01-01T00:00:00Z',
          data: { backendName },
          dataVersion: '1',
          metadataVersion: '1',
        },
      }
    }
    const cases: readonly [unknown, string][] = [
      [events().cloud, 'application/cloudevents+json; charset=utf-8'],
      [[events().cloud, events().cloud], 'application/cloudevents-batch+json'],
      [[events().grid], 'application/json'],
      [
        [events().grid, { ...events().grid, eventType: 'Microsoft.ApiManagement.CircuitBreaker.Closed' }],
        'application/json; charset=utf-8',
      ],
    ]
    for (const [payload, type] of cases) {
      const posted = await alert(room, 'event-grid', '', {
        body: JSON.stringify(payload),
        headers: { 'content-type': type },
      })
      assert.deepEqual([posted.status, posted.alerts[0]?.outcome], [202, 'accepted'], posted.text)
    }
  })
})

describe('modes', { concurrency: 2 }, () => {
  it('mode dry-run: alerts are decided and recorded, and nothing is queued or sent', async (t) => {
    const own = await startConversation(t, { env: { RECONNECT_MODE: 'dry-run' } })
    const posted = await alert(own, 'alertmanager', own.sandbox.info.backends[0] as string)
    assert.deepEqual([posted.status, outcomes(posted)], [200, ['dry-run']])
    assert.equal((await operationWhen(own, posted.alerts[0]?.operation, isFinal)).state, 'dry-run')
    assert.equal((await eventsOf(own, posted))[0]?.['outcome'], 'dry-run')
    await own.untilReady()
    assert.deepEqual((await queueOf(own).peekMessages()).peekedMessageItems, [])
    assert.equal(own.reached().arm, 0)
  })

  it('mode off: alerts are answered 200 switched-off, and nothing is queued or sent', async (t) => {
    const own = await startConversation(t, { env: { RECONNECT_MODE: 'off' } })
    const posted = await alert(own, 'alertmanager', own.sandbox.info.backends[0] as string)
    assert.deepEqual([posted.status, outcomes(posted)], [200, ['switched-off']])
    await own.untilReady()
    assert.deepEqual((await queueOf(own).peekMessages()).peekedMessageItems, [])
    assert.equal(own.reached().arm, 0)
  })
})

describe('the log', () => {
  it('the log has no secret, no signature and no payload of any alert so far', async () => {
    const log = room.sandbox.logs.map(({ message }) => message).join('\n')
    for (const secret of [...Object.values(WEBHOOK_SECRETS), await actionGroup(room)]) assert.ok(!log.includes(secret))
    for (const piece of ['generatorURL', 'circuitBreaker', 'searchQuery', '"annotations"'])
      assert.ok(!log.includes(piece), piece)
  })
})
