/** Contract, section 7, and the routes of section 2 that show it: what was asked, and the outcome. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { OPERATOR, OPERATOR_ROLE, TOOL } from '../../sandbox/azure/directory.ts'
import type { TokenKind } from '../../sandbox/azure/tokens.ts'
import type { Answer } from '../sandbox/raw-http.ts'
import { startConversation, type Conversation, type Heard, type ReconnectRequest } from './conversation.ts'
import { AFTER, createPlaces, DRY_RUN, startTwo, told } from './places.ts'

const RFC_3339 = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const OPERATOR_SHOWN = { kind: 'user', id: OPERATOR.objectId, name: OPERATOR.name }
const fresh = createPlaces({ after })

/** An operation as a client sees it: nothing is known of its type. */
type Shown = Readonly<Record<string, unknown>> & {
  readonly id: string
  readonly requestedAt: string
  readonly backend: string
  readonly state: string
}
interface Page {
  readonly value: readonly Shown[]
  readonly nextLink?: string
}

const read = (room: Conversation, path: string, as = 'operator'): Promise<Answer> =>
  room.get(path, { authorization: `Bearer ${room.sandbox.info.tokens[as as TokenKind] ?? as}` })

async function list(
  room: Conversation,
  filters: Readonly<Record<string, string>> = {},
  as = 'operator',
): Promise<Page> {
  const answer = await read(room, `/operations?${new URLSearchParams(filters).toString()}`, as)
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.headers['content-type'], 'application/json')
  return answer.json() as Page
}

/** The copies that lists across backends are read from are written after the answer. */
async function listed(
  room: Conversation,
  count: number,
  filters: Readonly<Record<string, string>> = {},
): Promise<readonly Shown[]> {
  for (let waitedMs = 0; ; waitedMs += 20) {
    const { value } = await list(room, { top: '200', ...filters })
    if (value.length >= count || waitedMs > 3_000) {
      assert.equal(value.length, count)
      return value
    }
    await delay(20)
  }
}

async function operationOf(room: Conversation, answer: Heard): Promise<Shown> {
  const shown = await read(room, `/operations/${String(answer.headers['x-reconnect-operation'])}`)
  assert.equal(shown.status, 200, shown.text)
  return shown.json() as Shown
}

/** What differs each time is looked at for its form, and left out. */
function settled({ id, requestedAt, updatedAt, due, ...rest }: Shown, answer: Heard): unknown {
  assert.equal(id, answer.headers['x-reconnect-operation'])
  assert.match(requestedAt, RFC_3339)
  assert.match(String(updatedAt), RFC_3339)
  assert.ok(requestedAt <= String(updatedAt))
  assert.equal(due, answer.headers['x-reconnect-due'])
  return rest
}

describe('an operation is written for every authorized request', { concurrency: 3 }, () => {
  const HTTP = { trigger: { kind: 'http' } }

  it('a forwarded operation has what ARM said, and these members and no others', async () => {
    const { room, backend } = await fresh()
    const answer = await room.reconnect({ backend, ...AFTER('PT5M') })
    const { arm, effect, ...rest } = settled(await operationOf(room, answer), answer) as Record<
      'arm' | 'effect',
      Record<string, unknown>
    >
    assert.deepEqual(rest, { backend, state: 'forwarded', after: 'PT5M', caller: OPERATOR_SHOWN, ...HTTP, attempts: 1 })
    assert.deepEqual(arm, {
      status: 202,
      requestId: answer.headers['x-ms-request-id'],
      correlationId: answer.correlationId,
    })
    assert.match(String(arm['requestId']), GUID)
    const due = answer.headers['x-reconnect-due']
    assert.deepEqual(effect, {
      verdict: 'unknown',
      since: due,
      decideBy: due,
      decidedAt: effect['decidedAt'],
      evidence: [],
    })
  })

  it('a joined operation names the one that covers it', async () => {
    const { room, backend } = await fresh()
    const first = told(await room.reconnect({ backend }))
    const answer = await room.reconnect({ backend })
    assert.deepEqual(settled(await operationOf(room, answer), answer), {
      backend,
      state: 'joined',
      joined: first.operation,
      caller: OPERATOR_SHOWN,
      ...HTTP,
      attempts: 0,
    })
  })

  it('a dry run is an operation', async () => {
    const { room, backend } = await fresh()
    const answer = await room.reconnect({ backend, ...DRY_RUN })
    assert.deepEqual(settled(await operationOf(room, answer), answer), {
      backend,
      state: 'dry-run',
      caller: OPERATOR_SHOWN,
      ...HTTP,
      attempts: 0,
    })
  })

  it('a failed operation has the code and message that the caller got', async () => {
    const { room, backend } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '409', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    const { code, message } = (answer.json() as { error: { code: string; message: string } }).error
    const { arm, ...rest } = settled(await operationOf(room, answer), answer) as { arm: { status: number } }
    assert.deepEqual(rest, {
      backend,
      state: 'failed',
      caller: OPERATOR_SHOWN,
      ...HTTP,
      attempts: 1,
      error: { code, message },
    })
    assert.equal(arm.status, 409)
  })

  it('a failed operation is ambiguous when it is not known whether ARM accepted it', async () => {
    const { room, backend } = await fresh()
    for (let index = 0; index < 2; index += 1)
      room.sandbox.azure.faults.add({ target: 'arm', kind: 'reset-after', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    const { error, ...rest } = settled(await operationOf(room, answer), answer) as { error: { code: string } }
    assert.deepEqual(
      [rest, error.code, answer.status],
      [{ backend, state: 'failed', ambiguous: true, caller: OPERATOR_SHOWN, ...HTTP, attempts: 2 }, 'BadGateway', 502],
    )
  })

  it('a forwarded operation is ambiguous when ARM was asked twice, and may have accepted twice', async () => {
    const { room, backend } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'reset-after', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    const { state, ambiguous, attempts } = await operationOf(room, answer)
    assert.deepEqual({ state, ambiguous, attempts }, { state: 'forwarded', ambiguous: true, attempts: 2 })
  })

  it('an operation of an application has no name of a caller', async (t) => {
    const room = await startConversation(t)
    const answer = await room.reconnect({ as: 'tool' })
    assert.deepEqual((await operationOf(room, answer))['caller'], { kind: 'app', id: TOOL.clientId })
  })

  it('an operation under RECONNECT_MODE=off is failed, as the answer said', async (t) => {
    const room = await startConversation(t, { env: { RECONNECT_MODE: 'off' } })
    const answer = await room.reconnect()
    assert.equal(answer.status, 503)
    const { error } = answer.json() as { error: unknown }
    assert.deepEqual(settled(await operationOf(room, answer), answer), {
      backend: room.sandbox.info.backends[0],
      state: 'failed',
      caller: OPERATOR_SHOWN,
      ...HTTP,
      attempts: 0,
      error,
    })
  })

  it('an operation under RECONNECT_MODE=dry-run is a dry run', async (t) => {
    const room = await startConversation(t, { env: { RECONNECT_MODE: 'dry-run' } })
    assert.equal((await operationOf(room, await room.reconnect()))['state'], 'dry-run')
  })

  it('no operation is written for a request that is refused or not understood', async (t) => {
    const room = await startConversation(t)
    const refused: readonly ReconnectRequest[] = [
      { as: null },
      { as: 'stranger' },
      { as: { token: 'x' } },
      AFTER('soon'),
      { query: '?api-version=1' },
      { headers: { 'x-reconnect-force': 'maybe' } },
    ]
    for (const reconnect of refused) assert.ok((await room.reconnect(reconnect)).status >= 400)
    const one = told(await room.reconnect(DRY_RUN))
    assert.deepEqual(
      (await listed(room, 1)).map(({ id }) => id),
      [one.operation],
    )
    assert.deepEqual(
      (await list(room, { backend: room.sandbox.info.backends[0] as string })).value.map(({ id }) => id),
      [one.operation],
    )
  })
})

describe('GET /operations/{operationId}', { concurrency: 3 }, () => {
  it('GET of an operation is 202 with Retry-After while it is accepted, 200 once it is final', async () => {
    const { room, backend } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 800, scope: backend, times: 1 })
    const reconnect = room.reconnect({ backend })
    let [accepted] = (await list(room, { backend })).value
    while (accepted === undefined) [accepted] = (await list(room, { backend })).value
    const early = await read(room, `/operations/${accepted.id}`)
    assert.deepEqual([early.status, early.json().state, early.json().arm], [202, 'accepted', undefined])
    assert.match(String(early.headers['retry-after']), /^[1-9][0-9]*$/)
    assert.equal(accepted.id, told(await reconnect).operation)
    const late = await read(room, `/operations/${accepted.id}`)
    assert.deepEqual([late.status, late.json().state, late.headers['retry-after']], [200, 'forwarded', undefined])
    assert.equal(late.json().requestedAt, early.json().requestedAt)
  })

  it('GET of an operation is the same on another instance', async (t) => {
    const [one, other] = await startTwo(t)
    const { operation } = told(await one.reconnect())
    assert.equal(
      (await read(other, `/operations/${operation}`)).text,
      (await read(one, `/operations/${operation}`)).text,
    )
  })

  it('GET of an operation is the same 404 for one that does not exist, for no id, and for one that the caller may not read', async (t) => {
    const room = await startConversation(t)
    const { operation } = told(await room.reconnect())
    const unknown = `${operation.slice(0, -4)}AAAA`
    const malformed = ['x', '..%2f..', "' or 1 eq 1", operation.slice(1), `${operation}A`, `${operation.slice(0, -1)}~`]
    const answers = await Promise.all([
      read(room, `/operations/${operation}`, 'stranger'),
      read(room, `/operations/${operation}`, 'tool'),
      ...[unknown, ...malformed].map((id) => read(room, `/operations/${encodeURIComponent(id)}`)),
    ])
    for (const answer of answers) {
      assert.deepEqual(
        [answer.status, answer.headers['x-ms-error-code'], answer.text],
        [404, 'OperationNotFound', answers[0]?.text],
      )
      assert.deepEqual(Object.keys(answer.headers).toSorted(), Object.keys(answers[0].headers).toSorted())
    }
    assert.equal((await read(room, `/operations/${operation}`)).status, 200)
  })

  it('GET of operations needs a credential; one message for every cause', async (t) => {
    const room = await startConversation(t)
    const { operation } = told(await room.reconnect())
    for (const path of ['/operations', `/operations/${operation}`]) {
      for (const headers of [{}, { authorization: 'Bearer x' }, { 'x-ms-client-principal': 'e30=' }]) {
        const answer = await room.get(path, headers)
        assert.deepEqual([answer.status, answer.headers['x-ms-error-code']], [401, 'AuthenticationFailed'])
        assert.match(String(answer.headers['www-authenticate']), /^Bearer /)
      }
    }
  })
})

describe('GET /operations', async () => {
  const room = await startConversation({ after })
  const [orders = '', payments = ''] = room.sandbox.info.backends
  const other = room.sandbox.info.backends.find((id) => id.includes('apim-dev')) as string
  const service = other.slice(0, other.indexOf('/backends/'))
  const made: Heard[] = []
  for (const reconnect of [
    { backend: orders },
    { backend: orders },
    { backend: payments, ...DRY_RUN },
    { backend: other },
    { backend: orders, as: 'tool' as const },
  ]) {
    made.push(await room.reconnect(reconnect))
    // Newest first is by the millisecond.
    await delay(5)
  }
  const ids = made.map((answer) => told(answer).operation)
  const all = await listed(room, made.length)
  const at = (index: number): string => (all.find(({ id }) => id === ids[index]) as Shown).requestedAt

  it('the list has operations newest first, the same as one by one', async () => {
    assert.deepEqual(
      all.map(({ id }) => id),
      ids.toReversed(),
    )
    for (const shown of all) assert.deepEqual((await read(room, `/operations/${shown.id}`)).json(), shown)
    assert.deepEqual(Object.keys(await list(room)), ['value'], 'nothing more: no nextLink')
  })

  const cases: readonly [title: string, filters: Readonly<Record<string, string>>, expected: readonly number[]][] = [
    ['backend', { backend: orders }, [4, 1, 0]],
    ['backend, without regard to case', { backend: orders.toUpperCase() }, [4, 1, 0]],
    ['service', { service }, [3]],
    ['service, without regard to case', { service: service.toUpperCase() }, [3]],
    ['state', { state: 'forwarded' }, [3, 0]],
    ['state joined', { state: 'joined' }, [4, 1]],
    ['a state that none has', { state: 'abandoned' }, []],
    ['backend and state', { backend: orders, state: 'joined' }, [4, 1]],
    ['backend and a service that it is not of', { backend: orders, service }, []],
    ['top', { top: '2' }, [4, 3]],
    ['from', { from: at(3) }, [4, 3]],
    ['to', { to: at(1) }, [1, 0]],
    ['from and to', { from: at(1), to: at(3) }, [3, 2, 1]],
    ['backend, from and to', { backend: orders, from: at(1), to: at(3) }, [1]],
    ['from, with an offset', { from: at(3).replace('Z', '+00:00') }, [4, 3]],
    ['a to that is far ahead', { to: '9999-12-31T23:59:59Z' }, [4, 3, 2, 1, 0]],
    ['a from long ago', { from: '0001-01-01T00:00:00Z' }, [4, 3, 2, 1, 0]],
    ['a to before there was anything', { to: '1969-12-31T00:00:00Z' }, []],
    ['backend, and a to before there was anything', { backend: orders, to: '1969-12-31T00:00:00Z' }, []],
    ['a from that is ahead', { backend: orders, from: '9999-12-31T23:59:59Z' }, []],
    ['from after to', { from: at(3), to: at(1) }, []],
    ['names in another letter case', { BACKEND: orders, State: 'joined' }, [4, 1]],
    ['an alert that there was not', { alert: 'none' }, []],
    ['a rule that there was not', { rule: 'none' }, []],
    ['a verdict that none has', { effect: 'recovered' }, []],
  ]
  for (const [title, filters, expected] of cases) {
    it(`the list filters by ${title}`, async () => {
      const { value, nextLink } = await list(room, filters)
      assert.deepEqual(
        value.map(({ id }) => ids.indexOf(id)),
        expected,
      )
      if (filters['top'] === undefined) assert.equal(nextLink, undefined)
    })
  }

  it('the list shows only what the caller may read: nothing to strangers, or to callers with reconnect and without read', async () => {
    for (const as of ['stranger', 'tool'] as const) {
      for (const filters of [{}, { backend: orders }, { service: orders.slice(0, orders.indexOf('/backends/')) }]) {
        assert.deepEqual(await list(room, filters, as), { value: [] }, 'no error, no number, no nextLink')
      }
    }
  })

  it('a filter on what may not be read and on what is not there are answered alike', async () => {
    const missing = orders.replace(/[^/]+$/, 'missing')
    assert.deepEqual(await list(room, { backend: missing }, 'tool'), await list(room, { backend: orders }, 'tool'))
  })

  const bad: readonly [parameter: string, values: readonly string[]][] = [
    ['backend', ['', 'orders', '/subscriptions/x', `${orders}/reconnect`, service]],
    ['service', ['', 'apim-dev', orders, service.slice(0, service.indexOf('/providers'))]],
    ['state', ['', 'Joined', 'pending', 'joined,failed']],
    ['alert', ['', 'x'.repeat(257)]],
    ['rule', ['', 'x'.repeat(257)]],
    ['effect', ['', 'Recovered', 'helped']],
    ['colour', ['red']],
    ['api-version', ['2024-05-01']],
    // The year 10000 in UTC: it had the process count months for ever.
    ['from', ['9999-12-31T23:59:59-00:01', '0000-01-01T00:00:00+00:01']],
    ['from', ['', 'yesterday', '2026-13-01T00:00:00Z', '2026-11-01', '1700000000', "2026-11-01T00:00:00Z' or true"]],
    ['to', ['', 'now', '2026-11-01T25:00:00Z']],
    ['top', ['', '0', '-1', '201', '1e2', '1.5', ' 5', '0x10', '99999999999']],
    ['$skiptoken', ['', 'x', Buffer.from("2026-11/' or true").toString('base64url')]],
  ]
  for (const [parameter, values] of bad) {
    it(`a bad ${parameter} of the list is 400 with its name as target`, async () => {
      for (const value of values) {
        const answer = await read(room, `/operations?${new URLSearchParams({ [parameter]: value }).toString()}`)
        assert.deepEqual(
          [answer.status, answer.headers['x-ms-error-code'], answer.json().error.target],
          [400, 'InvalidQueryParameterValue', parameter],
          `${value}: ${answer.text}`,
        )
      }
    })
  }

  it('parameters are looked at after the credential', async () => {
    assert.equal((await room.get('/operations?top=0')).status, 401)
  })
})

describe('paging', { concurrency: 2 }, () => {
  const COUNT = 60

  it('nextLink leads to the end, without loss or repetition, newest first', async (t) => {
    const room = await startConversation(t)
    const backends = room.sandbox.info.backends
    await Promise.all(
      Array.from({ length: COUNT }, (_, index) =>
        room.reconnect({ backend: backends[index % backends.length] as string, ...DRY_RUN }),
      ),
    )
    const expected = (await listed(room, COUNT)).map(({ id }) => id)
    for (const [filters, count] of [
      [{ top: '7' }, COUNT],
      [{ top: '60' }, COUNT],
      [{ top: '3', backend: backends[0] as string }, Math.ceil(COUNT / backends.length)],
      [{ top: '4', state: 'dry-run' }, COUNT],
    ] as const) {
      const seen: Shown[] = []
      let path: string | undefined = `/operations?${new URLSearchParams(filters).toString()}`
      while (path !== undefined) {
        const page = (await read(room, path)).json() as Page
        assert.ok(page.value.length <= Number(filters.top))
        seen.push(...page.value)
        path = page.nextLink
        if (path !== undefined) assert.match(path, /^\/operations\?/)
      }
      const ids = seen.map(({ id }) => id)
      assert.deepEqual([ids.length, new Set(ids).size], [count, count])
      assert.deepEqual(
        seen.map(({ requestedAt }) => requestedAt),
        seen
          .map(({ requestedAt }) => requestedAt)
          .toSorted()
          .toReversed(),
      )
      if (count === COUNT) assert.deepEqual(ids, expected)
    }
    assert.equal((await list(room)).value.length, 50, 'the default')
  })

  it('operations that come meanwhile do not move the pages', async (t) => {
    const room = await startConversation(t)
    for (let index = 0; index < 4; index += 1) await room.reconnect(DRY_RUN)
    const before = (await listed(room, 4)).map(({ id }) => id)
    const first = await list(room, { top: '2' })
    await room.reconnect(DRY_RUN)
    const second = (await read(room, first.nextLink as string)).json() as Page
    assert.deepEqual(
      [...first.value, ...second.value].map(({ id }) => id),
      before,
    )
  })

  it('nextLink is absolute with RECONNECT_PUBLIC_URL, tells no id, and is no key: who may not read gets nothing through it', async (t) => {
    const room = await startConversation(t, { env: { RECONNECT_PUBLIC_URL: 'https://reconnect.contoso.example' } })
    for (let index = 0; index < 2; index += 1) await room.reconnect(DRY_RUN)
    const [newest] = await listed(room, 2)
    const { nextLink = '' } = await list(room, { top: '1' })
    const link = new URL(nextLink)
    assert.equal(link.origin, 'https://reconnect.contoso.example')
    const id = Buffer.from((newest as Shown).id, 'base64url').toString('hex')
    const token = Buffer.from(link.searchParams.get('$skiptoken') as string, 'base64url').toString('latin1')
    assert.ok(
      !token.includes(id.slice(0, 32)) && !token.includes(id.slice(-32)),
      'neither its backend nor its random part',
    )
    for (const as of ['stranger', 'tool'] as const)
      assert.deepEqual((await read(room, `${link.pathname}${link.search}`, as)).json(), { value: [] })
  })

  it('a reader of one backend is shown that one among all the others', async (t) => {
    const [mine = '', theirs = ''] = (await fresh()).room.sandbox.info.backends
    const policy = {
      grants: [
        {
          principal: `role:${OPERATOR_ROLE}`,
          scope: mine.slice(0, mine.indexOf('/providers')),
          actions: ['reconnect', 'read'],
        },
        { principal: 'role:Reconnect.Reader', scope: mine, actions: ['read'] },
      ],
    }
    const room = await startConversation(t, { policy })
    for (const backend of [mine, theirs, mine, theirs, mine]) await room.reconnect({ backend, ...DRY_RUN })
    await listed(room, 5)
    const reader = await room.sandbox.azure.mint({ kind: 'operator', roles: ['Reconnect.Reader'] })
    assert.deepEqual(
      (await list(room, {}, reader)).value.map(({ backend }) => backend),
      [mine, mine, mine],
    )
    assert.deepEqual((await list(room, { backend: theirs }, reader)).value, [])
    assert.equal((await room.reconnect({ as: { token: reader } })).status, 403, 'to read is not to reconnect')
  })
})
