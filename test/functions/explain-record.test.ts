import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { REASONS } from '../../src/cli/reasons.ts'

const EXPLAIN = fileURLToPath(new URL('../../src/cli/explain.ts', import.meta.url))
const BACKEND =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/apim-prod/backends/orders'
const REFUSED = {
  event: 'reconnect.decision',
  correlationId: 'c0ffee00-0000-4000-8000-000000000001',
  caller: { kind: 'user', id: '99999999-0000-1111-2222-333333333333', name: 'Ada' },
  trigger: { kind: 'http' },
  backend: BACKEND,
  mode: 'on',
  outcome: 'refused',
  reason: 'not_granted',
  detail: 'action force',
  fault: 'caller',
  durationMs: 3,
}
const OPERATION = {
  id: 'op-1',
  backend: BACKEND,
  state: 'abandoned',
  requestedAt: '2026-11-27T12:00:00.000Z',
  updatedAt: '2026-11-27T18:00:00.000Z',
  reason: 'INC-4711',
  caller: { kind: 'webhook', id: 'azure-monitor' },
  trigger: { kind: 'webhook', webhook: 'azure-monitor', alertRule: 'orders is down', alertId: 'a-1' },
  attempts: 7,
  error: { code: 'DeliveryExpired', message: 'The reconnect could not be delivered within PT6H.' },
  effect: {
    verdict: 'not-recovered',
    since: '2026-11-27T12:02:00Z',
    decideBy: '2026-11-27T12:47:00Z',
    decidedAt: '2026-11-27T12:20:01Z',
    evidence: [{ kind: 'fired', at: '2026-11-27T12:20:00Z' }],
  },
}

interface Told {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function explain(args: readonly string[], input = ''): Promise<Told> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [EXPLAIN, ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
    child.stdin?.end(input)
  })
}

describe('npm run explain -- --line', () => {
  it('says what a refusal means, what to do next, and how to ask the policy, and exits with 1', async () => {
    const { code, stdout, stderr } = await explain(['--line', JSON.stringify(REFUSED)])
    assert.deepEqual([code, stderr], [1, ''])
    assert.match(stdout, /^Outcome +REFUSED: the request was refused; nothing was sent$/m)
    assert.match(stdout, /^Reason +not_granted$/m)
    assert.match(stdout, /^Means +The caller is known, and no grant gives it this action/m)
    assert.match(stdout, /^Next +Add a grant/m)
    assert.match(
      stdout,
      /npm run explain -- --as user:99999999-[0-9-]+ .*--backend '\/subscriptions\/.*' --action force$/m,
    )
  })

  it('finds the line in what a log puts around it, on standard input', async () => {
    const pasted = `2026-11-27T12:00:00Z [Information] other\n[12:00:01] Host: ${JSON.stringify(REFUSED)} (Id=7)\n`
    assert.match((await explain(['--line', '-'], pasted)).stdout, /^Reason +not_granted$/m)
    const exported = JSON.stringify({ timestamp: '2026-11-27', message: JSON.stringify(REFUSED) })
    assert.match((await explain(['--line', exported])).stdout, /^Reason +not_granted$/m)
  })

  it('reads the line of a verdict, with its times', async () => {
    const verdict = {
      event: 'reconnect.effect',
      operationId: 'op-1',
      corrected: true,
      correlationId: REFUSED.correlationId,
      caller: { kind: 'webhook', id: 'alertmanager' },
      trigger: { kind: 'webhook', webhook: 'alertmanager' },
      backend: BACKEND,
      ...OPERATION.effect,
      verdict: 'recovered',
      evidence: [{ kind: 'resolved', at: '2026-11-27T13:00:00Z', alertId: 'f1' }],
    }
    const { stdout, stderr } = await explain(['--line', JSON.stringify(verdict)])
    assert.equal(stderr, '')
    assert.doesNotMatch(stdout, /^Outcome/m)
    assert.match(stdout, /^Helped +recovered: .*; it replaces an earlier verdict, which silence had decided$/m)
    assert.match(stdout, /^Decide by +2026-11-27T12:47:00Z$/m)
    assert.match(stdout, /^Evidence +2026-11-27T13:00:00Z resolved f1$/m)
    assert.match(stdout, /^Operation +op-1$/m)
  })

  it('reads an operation as it is answered: its reason is the caller’s own words', async () => {
    const { code, stdout } = await explain(['--line', JSON.stringify(OPERATION)])
    assert.equal(code, 1)
    assert.match(stdout, /^Outcome +ABANDONED: it could not be delivered, and is not tried again$/m)
    assert.match(stdout, /^Caller's reason +INC-4711$/m)
    assert.match(stdout, /^Error +DeliveryExpired: The reconnect could not/m)
    assert.match(stdout, /^Trigger +webhook, azure-monitor, orders is down, a-1$/m)
    assert.match(stdout, /^Helped +not-recovered: an alert fired again after the reconnect, or/m)
    assert.match(stdout, /^Since +2026-11-27T12:02:00Z$/m)
    assert.match(stdout, /^Decide by +2026-11-27T12:47:00Z$/m)
    assert.match(stdout, /^Decided at +2026-11-27T12:20:01Z$/m)
    assert.match(stdout, /^Evidence +2026-11-27T12:20:00Z fired$/m)
    assert.doesNotMatch(stdout, /^Means/m)
  })

  it('takes the words of a caller for words, also where they look like a reason of the app', async () => {
    const { fault: _, ...unfailing } = { ...REFUSED, outcome: 'forwarded', reason: 'not_granted' }
    const forwarded = (await explain(['--line', JSON.stringify(unfailing)])).stdout
    assert.match(forwarded, /^Caller's reason +not_granted$/m)
    assert.doesNotMatch(forwarded, /^(?:Reason|Means|Next)/m)
    const both = (await explain(['--line', JSON.stringify({ ...REFUSED, callerReason: 'INC-4711' })])).stdout
    assert.match(both, /^Reason +not_granted$/m)
    assert.match(both, /^Caller's reason +INC-4711$/m)
  })

  it('exits with 0 for what acted', async () => {
    assert.equal(
      (await explain(['--line', JSON.stringify({ ...REFUSED, outcome: 'forwarded', reason: undefined })])).code,
      0,
    )
  })

  it('answers programs with one JSON object', async () => {
    const { stdout } = await explain(['--line', JSON.stringify(REFUSED), '--json'])
    const { kind, outcome, reason, record } = JSON.parse(stdout) as Record<string, unknown>
    assert.deepEqual([kind, outcome, reason, record], ['record', 'refused', 'not_granted', REFUSED])
  })

  it('has no line that a terminal would obey, whatever was pasted', async () => {
    const { stdout } = await explain(['--line', JSON.stringify({ ...REFUSED, detail: '\u001b[2J\u0007\u202e' })])
    assert.doesNotMatch(stdout, /[^ -~\n]/)
  })

  for (const text of ['', 'x', '{}', '[]', '{"event":"other","outcome":"refused"}', '{"outcome":5}']) {
    it(`refuses what is neither: ${JSON.stringify(text)}`, async () => {
      const { code, stdout, stderr } = await explain(['--line', text])
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, /^--line: expected/)
    })
  }

  it('has a text for every reason, which names what to do', () => {
    for (const [reason, { means, next }] of Object.entries(REASONS)) {
      assert.match(means, /^[A-Z`].*\.$/, reason)
      assert.match(next, /^[A-Z].*\.$/, reason)
    }
  })
})

describe('npm run explain -- --operation', async () => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.authorization}`)
    response.statusCode = request.url === '/operations/op-1' ? 200 : 404
    response.end(
      request.url === '/operations/op-1' ? JSON.stringify(OPERATION) : '{"error":{"code":"OperationNotFound"}}',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  const app = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  it('reads it from the running app, with the token from standard input', async () => {
    const { code, stdout, stderr } = await explain(['--operation', 'op-1', '--app', app], 'a.b.c\n')
    assert.deepEqual([code, stderr, asked.at(-1)], [1, '', 'GET /operations/op-1 Bearer a.b.c'])
    assert.match(stdout, /^Outcome +ABANDONED/m)
  })

  it('says what the app answered otherwise', async () => {
    const { code, stderr } = await explain(['--operation', 'op/../2', '--app', app], 'a.b.c')
    assert.equal(code, 2)
    assert.match(stderr, /^the app answered 404: .*OperationNotFound/)
    assert.equal(asked.at(-1), 'GET /operations/op%2F..%2F2 Bearer a.b.c')
  })

  it('sends no token over plain http to another machine, and none that is no token', async () => {
    const before = asked.length
    for (const [args, input, message] of [
      [['--app', 'http://reconnect.example'], 'a.b.c', /^--app: expected the https origin/],
      [['--app', `${app}/x`], 'a.b.c', /^--app: expected/],
      [['--app', app], '', /^standard input: expected a token/],
      [['--app', app], 'a\r\nx: y', /^standard input: expected a token/],
      [[], 'a.b.c', /^--app: expected once/],
      [['--app', app, '--as', 'role:a'], 'a.b.c', /^--as does not go with --operation/],
    ] as const) {
      const { code, stdout, stderr } = await explain(['--operation', 'op-1', ...args], input)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, message)
    }
    assert.equal(asked.length, before)
  })
})
