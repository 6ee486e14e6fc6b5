/**
 * infra/queries: every query parses and refers to columns that exist, by Microsoft's own parser; the alert rules select exactly the errors
 * of the product, each by one rule. The rules are run by a small evaluator (evaluate-kql.ts) over lines that the product wrote; that a real
 * Log Analytics workspace returns the same rows is not proven here.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { SANDBOX_POLICY } from '../../sandbox/policy.ts'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { RECONNECTABLE_BACKENDS, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import { SANDBOX_WEBHOOKS, WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { OUTCOMES } from '../../src/domain/decision.ts'
import { startConversation } from '../conformance/conversation.ts'
import { alert, eventually, isFinal, operationWhen } from '../conformance/senders.ts'
import { evaluate, type Row } from './evaluate-kql.ts'
import { analyse, type Schema } from './kusto.ts'

const FOLDER = join(PROJECT_ROOT, 'infra/queries')
const query = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
const NAMES = readdirSync(FOLDER)
const PREFIX = 'workspace-traces.kql'
const GATEWAY = 'failed-connections.kql'
const RULES = NAMES.filter((name) => name.startsWith('alert-'))

/** Azure's own columns, as far as the queries use them ("Application Insights telemetry data model", "ApiManagementGatewayLogs"). */
const COMPONENT: Schema = {
  traces:
    '(timestamp:datetime, message:string, severityLevel:int, customDimensions:dynamic, operation_Id:string, operation_Name:string, itemCount:int)',
}
const WORKSPACE: Schema = {
  AppTraces:
    '(TimeGenerated:datetime, Message:string, SeverityLevel:int, Properties:dynamic, OperationId:string, OperationName:string, _ResourceId:string)',
}
const LOGS: Schema = {
  ApiManagementGatewayLogs:
    '(TimeGenerated:datetime, _ResourceId:string, BackendId:string, BackendUrl:string, Url:string, BackendResponseCode:int, ResponseCode:int, LastErrorReason:string, LastErrorMessage:string, LastErrorSource:string, WorkspaceId:string, ApiId:string, OperationId:string, CorrelationId:string)',
}

describe('the queries', () => {
  for (const name of NAMES.filter((one) => one !== PREFIX && one !== GATEWAY)) {
    it(`${name} is understood on the component, and behind ${PREFIX} in a workspace`, () => {
      assert.deepEqual(analyse(query(name), COMPONENT).findings, [])
      assert.deepEqual(analyse(query(PREFIX) + query(name), WORKSPACE).findings, [])
    })
  }

  it(`${GATEWAY} is understood in a workspace with gateway logs`, () => {
    assert.deepEqual(analyse(query(GATEWAY), LOGS).findings, [])
  })

  it('are reported where a column or a bracket is wrong', () => {
    assert.match(analyse('traces | where messsage == ""', COMPONENT).findings[0] ?? '', /KS142/)
    assert.notDeepEqual(analyse('traces | where (message == ""', COMPONENT).findings, [])
  })

  it('are the only Kusto of README.md and docs/: each block there is one of the files', () => {
    const files = new Set(NAMES.map((name) => query(name).trim()))
    const documents = [
      'README.md',
      ...readdirSync(join(PROJECT_ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.md'))
        .map((name) => `docs/${name}`),
    ]
    for (const document of documents)
      for (const [, block = ''] of readFileSync(join(PROJECT_ROOT, document), 'utf8').matchAll(
        /^```kusto\n([\s\S]*?)^```$/gm,
      ))
        assert.ok(files.has(block.trim()), `${document}: ${block}`)
  })
})

/** `severityLevel` of Application Insights. */
const SEVERITY = { trace: 0, debug: 0, information: 1, warning: 2, error: 3, critical: 4 } as const
const trace = (severityLevel: number, event: object): Row => ({
  timestamp: 'now',
  message: JSON.stringify(event),
  severityLevel,
})
/** The rules that select a line, without prefix and extension. */
const selecting = (line: Row): readonly string[] =>
  RULES.filter((rule) => evaluate(query(rule), COMPONENT, { traces: [line] }).length > 0).map((rule) =>
    rule.slice('alert-'.length, -'.kql'.length),
  )

describe('the alert rules', () => {
  const REASONS = [
    undefined,
    'arm_refused_identity',
    'loop_guard',
    'not_helping',
    'delivery_expired',
    'delivery_poisoned',
    'configuration_invalid',
    'defect',
    'arm_failed',
  ]
  const EVENTS = [
    'reconnect.decision',
    'reconnect.effect',
    'reconnect.pause',
    'reconnect.defect',
    'reconnect.configuration',
    'reconnect.message',
    'reconnect.storage',
  ]

  it('select every error by exactly one rule, and nothing that is no error', () => {
    const rows = EVENTS.flatMap((event) =>
      OUTCOMES.flatMap((outcome) =>
        REASONS.map((reason) => ({ event, outcome, ...(reason === undefined ? {} : { reason }) })),
      ),
    )
    // All at once, told apart by their backends: one run of each rule.
    for (const severityLevel of [0, 1, 2, 3, 4]) {
      const traces = rows.map((event, index) => trace(severityLevel, { ...event, backend: String(index) }))
      const selected = RULES.flatMap((rule) =>
        evaluate(query(rule), COMPONENT, { traces }).map(({ Backend }) => Number(Backend)),
      )
      assert.deepEqual(
        selected.toSorted((one, other) => one - other),
        severityLevel >= 3 ? rows.map((_, index) => index) : [],
        `severityLevel ${severityLevel}`,
      )
    }
  })

  for (const [rule, event] of [
    [
      'own-identity-refused',
      { event: 'reconnect.decision', outcome: 'failed', reason: 'arm_refused_identity', fault: 'us' },
    ],
    [
      'own-identity-refused',
      { event: 'reconnect.decision', outcome: 'deferred', reason: 'arm_refused_identity', fault: 'us' },
    ],
    ['exhausted', { event: 'reconnect.decision', outcome: 'exhausted', reason: 'loop_guard', fault: 'us' }],
    ['exhausted', { event: 'reconnect.decision', outcome: 'exhausted', reason: 'not_helping', fault: 'us' }],
    ['abandoned', { event: 'reconnect.decision', outcome: 'abandoned', reason: 'delivery_expired', fault: 'us' }],
    ['abandoned', { event: 'reconnect.decision', outcome: 'abandoned', reason: 'arm_refused_identity', fault: 'us' }],
    ['not-recovered', { event: 'reconnect.effect', verdict: 'not-recovered' }],
    ['own-fault', { event: 'reconnect.decision', outcome: 'failed', reason: 'configuration_invalid', fault: 'us' }],
    ['own-fault', { event: 'reconnect.decision', outcome: 'failed', reason: 'defect', fault: 'us' }],
    ['own-fault', { event: 'reconnect.configuration', name: 'ENTRA_AUDIENCE' }],
  ] as const)
    it(`${JSON.stringify(event)} is for ${rule}`, () => {
      assert.deepEqual(selecting(trace(SEVERITY.error, event)), [rule])
    })

  it('say which backend and why, and neither is ever empty: both are dimensions of the alert', () => {
    const rows = RULES.flatMap((rule) =>
      evaluate(query(rule), COMPONENT, {
        traces: [
          trace(SEVERITY.error, {
            event: 'reconnect.decision',
            outcome: 'exhausted',
            reason: 'loop_guard',
            backend: '/Sub/B',
          }),
          trace(SEVERITY.error, { event: 'reconnect.effect', verdict: 'not-recovered', backend: '/sub/b' }),
          trace(SEVERITY.error, { event: 'reconnect.configuration', name: 'X' }),
          trace(SEVERITY.error, { event: 'reconnect.configuration', name: 'Y' }),
        ],
      }),
    )
    assert.deepEqual(
      rows.map(({ Backend, Reason, Events }) => [Backend, Reason, Events]),
      [
        ['/sub/b', 'loop_guard', 1],
        ['/sub/b', 'not-recovered', 1],
        ['none', 'reconnect.configuration', 2],
      ],
    )
  })

  it('select what the product writes when it is in trouble, and nothing of its daily work', async (t) => {
    const room = await startConversation(t, {
      policy: {
        ...SANDBOX_POLICY,
        limits: { perBackend: { count: 1, window: 'PT1H' } },
        // A busy machine needs seconds for a delivery.
        deliverWithin: 'PT12S',
        webhooks: { alertmanager: { ...SANDBOX_WEBHOOKS.alertmanager, after: 'PT1S' } },
        grants: SANDBOX_POLICY.grants.filter(
          ({ principal }) => !principal.startsWith('webhook:') || principal === 'webhook:alertmanager',
        ),
      },
      env: { ALERTMANAGER_TOKEN: WEBHOOK_SECRETS.ALERTMANAGER_TOKEN },
    })
    const [first = ''] = RECONNECTABLE_BACKENDS
    const delivered = async (backend: string) => {
      const { alerts } = await alert(room, 'alertmanager', backend)
      return operationWhen(room, alerts[0]?.operation ?? '', isFinal)
    }
    // Daily work: forwarded, refused, resolved, rejected by ARM.
    await room.reconnect({ backend: first })
    await room.reconnect({ as: 'stranger' })
    await alert(room, 'alertmanager', room.freshBackend(), { firing: false })
    room.sandbox.azure.faults.add({ target: 'arm', kind: '404', scope: first, times: 1 })
    await room.reconnect({ backend: first, headers: { 'x-reconnect-force': 'true' } })
    // Our identity lacks the role.
    await room.reconnect({
      backend: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`,
    })
    // One reconnect too many, and one that never gets through.
    const again = room.freshBackend()
    await delivered(again)
    await delay(1_100)
    assert.equal((await delivered(again)).state, 'exhausted')
    const stuck = room.freshBackend()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '503', scope: stuck })
    assert.equal((await delivered(stuck)).state, 'abandoned')
    // A bad configuration.
    const broken = await room.sandbox.startAnother({ ENTRA_TENANT_ID: 'x' })
    await fetch(`http://127.0.0.1:${broken.port}${first}/reconnect`, { method: 'POST' })
    await eventually(() => room.sandbox.logs.some(({ message }) => message.includes('"configuration_invalid"')))
    await eventually(() => room.sandbox.output().includes('"reconnect.configuration"'))

    const written = room.sandbox.logs.filter(({ message }) => message.startsWith('{"event":"reconnect.'))
    // The host takes what a worker writes to its console for errors where it comes on stderr.
    const printed = room.sandbox
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{"event":"reconnect.configuration"'))
    const lines = [
      ...written.map(({ level, message }) => ({
        level,
        message,
        severityLevel: SEVERITY[level as keyof typeof SEVERITY] ?? assert.fail(level),
      })),
      ...printed.map((message) => ({ level: 'error', message, severityLevel: SEVERITY.error })),
    ]
    const found: Record<string, number> = {}
    for (const { message, severityLevel, level } of lines) {
      const rules = selecting({ timestamp: 'now', message, severityLevel })
      assert.equal(rules.length, severityLevel >= SEVERITY.error ? 1 : 0, `${level} ${message}: ${rules.join()}`)
      for (const rule of rules) found[rule] = (found[rule] ?? 0) + 1
    }
    assert.deepEqual(found, { 'own-identity-refused': 1, exhausted: 1, abandoned: 1, 'own-fault': 1 + printed.length })
    assert.ok(lines.filter(({ severityLevel }) => severityLevel < SEVERITY.error).length >= 6)
  })
})

describe(`${GATEWAY} counts`, () => {
  const ROW = {
    TimeGenerated: 'now',
    _ResourceId: '/service',
    BackendId: 'orders',
    BackendUrl: 'https://orders.contoso.example/v1',
    Url: 'https://apim.contoso.example/orders/1',
    LastErrorReason: 'BackendConnectionFailure',
    LastErrorMessage: 'Unable to connect to the remote server',
  }
  const failures = (...rows: readonly object[]) =>
    evaluate(query(GATEWAY), LOGS, { ApiManagementGatewayLogs: rows as Row[] }).map(
      ({ _ResourceId, BackendId, Failures }) => [_ResourceId, BackendId, Failures],
    )

  it('connections that fail or time out, for each backend', () => {
    assert.deepEqual(
      failures(ROW, { ...ROW, LastErrorReason: 'Timeout', BackendResponseCode: 0 }, { ...ROW, BackendId: 'payments' }),
      [
        ['/service', 'orders', 2],
        ['/service', 'payments', 1],
      ],
    )
  })

  for (const [what, change] of [
    ['a backend that answers with an error of its own', { BackendResponseCode: 503 }],
    ['a backend that answers 502 without an error of the gateway', { LastErrorReason: '', BackendResponseCode: 502 }],
    [
      'a name that does not resolve',
      { LastErrorMessage: "The remote name could not be resolved: 'orders.contoso.example'" },
    ],
    [
      'a name that does not resolve, on a newer gateway',
      { LastErrorMessage: 'No such host is known. (orders.contoso.example:443)' },
    ],
    [
      'a gateway without free ports',
      {
        LastErrorMessage: 'Only one usage of each socket address (protocol/network address/port) is normally permitted',
      },
    ],
    ['a gateway that calls itself', { BackendUrl: 'https://APIM.contoso.example/other' }],
    ['a backend of a workspace, which has no reconnect', { WorkspaceId: 'team-a' }],
    ['a failure without a backend', { BackendId: '' }],
    ['a failure of a policy', { LastErrorReason: 'ExpressionValueEvaluationFailure' }],
  ] as const)
    it(`not ${what}`, () => {
      assert.deepEqual(failures({ ...ROW, ...change }), [])
    })
})
