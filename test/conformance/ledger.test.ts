/** Contract, section 6, and what section 3 says of it in headers: one reconnect per backend at a time. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { assertRefused, startConversation } from './conversation.ts'
import { AFTER, createPlaces, DRY_RUN, FORCE, OPERATION_ID, outcomesOf, startTwo, told } from './places.ts'

const STORM = 200
const fresh = createPlaces({ after })
const hasty = createPlaces({ after }, { env: { RECONNECT_DEADLINE_SECONDS: '2' } })
const times = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make))

describe('x-reconnect-outcome', { concurrency: 3 }, () => {
  it('x-reconnect-outcome is forwarded when ARM accepted it now, joined when an earlier one covers it: due when that one is, and ARM is not asked again', async () => {
    const { room, backend, asked } = await fresh()
    const first = told(await room.reconnect({ backend }))
    const answer = await room.reconnect({ backend })
    const second = told(answer)
    assert.deepEqual([first.outcome, second.outcome, second.due, asked()], ['forwarded', 'joined', first.due, 1])
    assert.deepEqual(
      [answer.headers['x-ms-request-id'], answer.headers['x-ms-routing-request-id']],
      [undefined, undefined],
      'ARM was not called',
    )
    const { outcome, operationId, joined, due, attempts } = await room.decision(answer)
    assert.deepEqual(
      { outcome, operationId, joined, due, attempts },
      {
        outcome: 'joined',
        operationId: second.operation,
        joined: first.operation,
        due: first.due,
        attempts: undefined,
      },
    )
  })

  it('a dry run joins nothing, and nothing joins it', async () => {
    const { room, backend, asked } = await fresh()
    assert.equal(told(await room.reconnect({ backend, ...DRY_RUN })).outcome, 'dry-run')
    assert.equal(asked(), 0)
    assert.equal(told(await room.reconnect({ backend })).outcome, 'forwarded')
    assert.equal(told(await room.reconnect({ backend, ...DRY_RUN })).outcome, 'dry-run')
  })
})

describe('x-reconnect-operation and Location', { concurrency: 3 }, () => {
  it('every operation has its own id: opaque, URL-safe', async () => {
    const { room, backend } = await fresh()
    const ids = (
      await Promise.all([
        room.reconnect({ backend }),
        room.reconnect({ backend }),
        room.reconnect({ backend, ...DRY_RUN }),
      ])
    ).map((answer) => told(answer).operation)
    for (const id of ids) assert.match(id, OPERATION_ID)
    assert.equal(new Set(ids).size, 3)
  })

  it('Location leads to the operation, relative, with a Retry-After; a client that polls comes to an end there', async () => {
    const { room, backend } = await fresh()
    for (const expected of ['forwarded', 'joined', 'dry-run']) {
      const answer = await room.reconnect({ backend, ...(expected === 'dry-run' ? DRY_RUN : {}) })
      const { operation, outcome } = told(answer)
      assert.deepEqual([outcome, answer.headers['location']], [expected, `/operations/${operation}`])
      assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
      const polled = await room.get(String(answer.headers['location']), {
        authorization: `Bearer ${room.sandbox.info.tokens.operator}`,
      })
      assert.deepEqual([polled.status, polled.json().state], [200, expected])
    }
  })

  const foreign = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=evil.example',
    'x-original-url': 'https://evil.example/',
  }

  it('Location is not made of a Host or forwarded header', async () => {
    const { room, backend } = await fresh()
    const answer = await room.reconnect({ backend, headers: foreign })
    assert.equal(answer.headers['location'], `/operations/${told(answer).operation}`)
  })

  it('Location is absolute with RECONNECT_PUBLIC_URL, and only there', async (t) => {
    const room = await startConversation(t, { env: { RECONNECT_PUBLIC_URL: 'https://reconnect.contoso.example' } })
    for (const headers of [{}, foreign]) {
      const answer = await room.reconnect({ headers })
      assert.equal(answer.headers['location'], `https://reconnect.contoso.example/operations/${told(answer).operation}`)
    }
  })

  it('a refusal by ARM names its operation, but leads nowhere: there is nothing to wait for', async () => {
    const { room, backend } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '409', scope: backend, times: 1 })
    const answer = await room.reconnect({ backend })
    assert.equal(answer.status, 409)
    assert.match(String(answer.headers['x-reconnect-operation']), OPERATION_ID)
    assert.equal(answer.headers['location'], undefined)
  })

  it('who is not authorized gets no operation', async () => {
    const { room, backend } = await fresh()
    for (const as of [null, 'stranger'] as const)
      assert.equal((await room.reconnect({ backend, as })).headers['x-reconnect-operation'], undefined)
  })
})

describe('a request joins what is due no later than what it asks for', { concurrency: 3 }, () => {
  it('a request with a longer after joins', async () => {
    const { room, backend, asked } = await fresh()
    const first = told(await room.reconnect({ backend, ...AFTER('PT5M') }))
    assert.deepEqual(
      { ...told(await room.reconnect({ backend, ...AFTER('PT10M') })), operation: '' },
      { outcome: 'joined', operation: '', due: first.due },
    )
    assert.equal(asked(), 1)
  })

  it('a request with the same after, a moment later, joins', async () => {
    const { room, backend } = await fresh()
    await room.reconnect({ backend, ...AFTER('PT5M') })
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT5M') })).outcome, 'joined')
    assert.equal(
      told(await room.reconnect({ backend, ...AFTER('PT300S') })).outcome,
      'joined',
      'in another spelling of the same duration',
    )
  })

  it('an absent after counts as two minutes', async () => {
    const { room, backend } = await fresh()
    await room.reconnect({ backend })
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT2M') })).outcome, 'joined')
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT1M55S') })).outcome, 'forwarded')
  })

  it('a request with a shorter after is forwarded, and becomes the one that counts', async () => {
    const { room, backend, asked } = await fresh()
    const long = told(await room.reconnect({ backend, ...AFTER('PT10M') }))
    const short = told(await room.reconnect({ backend, ...AFTER('PT5M') }))
    assert.deepEqual([long.outcome, short.outcome, asked()], ['forwarded', 'forwarded', 2])
    const third = await room.reconnect({ backend, ...AFTER('PT10M') })
    assert.deepEqual(
      [told(third).outcome, told(third).due, (await room.decision(third))['joined']],
      ['joined', short.due, short.operation],
    )
  })

  it('a request after the due time is forwarded', async () => {
    const { room, backend, asked } = await fresh()
    const { due } = told(await room.reconnect({ backend, ...AFTER('PT3S') }))
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT3S') })).outcome, 'joined')
    await delay(Date.parse(due) - Date.now() + 50)
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT3S') })).outcome, 'forwarded')
    assert.equal(asked(), 2)
  })

  it('two spellings of one backend are one backend', async () => {
    const { room, backend, asked } = await fresh()
    const first = told(await room.reconnect({ backend }))
    for (const spelled of [backend.toUpperCase(), backend.toLowerCase()]) {
      assert.deepEqual(
        { ...told(await room.reconnect({ backend: spelled })), operation: '' },
        { outcome: 'joined', operation: '', due: first.due },
      )
    }
    assert.equal(asked(), 1)
  })

  it('a backend of the same name in another service is another one', async (t) => {
    const room = await startConversation(t)
    const [prod = '', dev = ''] = room.sandbox.info.backends.filter((id) => id.endsWith('/orders'))
    assert.deepEqual(
      [told(await room.reconnect({ backend: prod })).outcome, told(await room.reconnect({ backend: dev })).outcome],
      ['forwarded', 'forwarded'],
    )
  })

  it('authorization comes first: who may not reconnect it learns nothing of what is scheduled', async () => {
    const { room, backend } = await fresh()
    const before = await room.reconnect({ backend, as: 'stranger' })
    await room.reconnect({ backend })
    const then = await room.reconnect({ backend, as: 'stranger' })
    const known = ({ headers }: typeof then): unknown => ({ ...headers, date: '', 'x-ms-correlation-request-id': '' })
    assertRefused(then, 403, 'AuthorizationFailed')
    assert.deepEqual([then.text, known(then)], [before.text, known(before)])
  })
})

describe('a storm on one backend', () => {
  it(`${STORM} requests at once cost ARM one call: one is forwarded, the others join it`, async () => {
    const { room, backend, asked } = await fresh()
    const answers = await times(STORM, () => room.reconnect({ backend }))
    assert.deepEqual(outcomesOf(answers), { forwarded: 1, joined: STORM - 1 })
    assert.equal(asked(), 1)
    assert.equal(new Set(answers.map((answer) => told(answer).due)).size, 1)
    assert.equal(new Set(answers.map((answer) => told(answer).operation)).size, STORM)
    assert.ok(
      answers.every(({ headers }) => headers['x-reconnect-warning'] === undefined),
      'all of them are recorded',
    )
  })
})

describe('while a request is in flight', { concurrency: 3 }, () => {
  it('requests that come while another is in flight wait for its result, then join it', async () => {
    const { room, backend, asked } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 700, scope: backend, times: 1 })
    const first = room.reconnect({ backend })
    while (asked() === 0) await delay(5)
    const waiting = await times(5, () => room.reconnect({ backend }))
    assert.deepEqual([outcomesOf(waiting), asked()], [{ joined: 5 }, 1])
    assert.deepEqual([...new Set(waiting.map((answer) => told(answer).due))], [told(await first).due])
  })

  it('if the request in flight fails, the next takes over, and the others join that one', async () => {
    const { room, backend, asked } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: '404', scope: backend, times: 1 })
    assert.deepEqual(
      [outcomesOf(await times(10, () => room.reconnect({ backend }))), asked()],
      [{ 404: 1, forwarded: 1, joined: 8 }, 2],
    )
  })

  it('a wait that runs out is a 503 with Retry-After, and nothing was sent', async (t) => {
    const [holder, waiter] = await startTwo(
      t,
      { env: { RECONNECT_DEADLINE_SECONDS: '8' } },
      { env: { RECONNECT_DEADLINE_SECONDS: '4' } },
    )
    // Its first calls to storage take longer than others, and each may take a quarter of the deadline: beyond that storage would count as away.
    assert.equal(told(await waiter.reconnect({ backend: waiter.freshBackend() })).outcome, 'forwarded')
    const before = waiter.reached().arm
    holder.sandbox.azure.faults.set([{ target: 'arm', kind: 'hang' }])
    const first = holder.reconnect()
    while (holder.reached().arm === 0) await delay(5)
    const answer = await waiter.reconnect()
    assert.match(assertRefused(answer, 503, 'ServiceUnavailable').message, /Nothing was sent/)
    assert.match(String(answer.headers['retry-after']), /^[1-9][0-9]*$/)
    assert.deepEqual([waiter.reached().arm, (await waiter.decision(answer))['reason']], [before, 'in_flight_elsewhere'])
    assertRefused(await first, 504, 'GatewayTimeout')
    assert.equal(told(await waiter.reconnect()).outcome, 'forwarded', 'a failure delays no other request')
  })
})

describe('a failure never makes the next request join', { concurrency: 3 }, () => {
  // After an outcome that is not known ARM is asked once more.
  for (const [kind, often] of [
    ['404', 1],
    ['409', 1],
    ['401', 1],
    ['500', 2],
    ['503', 2],
    ['reset-before', 2],
    ['reset-after', 2],
    ['html-202', 2],
    ['redirect-307', 2],
    ['hang', 2],
  ] as const) {
    it(`after ${kind} of ARM the next request is forwarded`, async () => {
      const { room, backend } = await (kind === 'hang' ? hasty : fresh)()
      const { faults } = room.sandbox.azure
      for (let index = 0; index < often; index += 1) faults.add({ target: 'arm', kind, scope: backend })
      const failed = await room.reconnect({ backend })
      assert.ok(failed.status >= 400, `status ${failed.status}`)
      faults.set(faults.list().filter(({ scope }) => scope !== backend))
      assert.equal(told(await room.reconnect({ backend })).outcome, 'forwarded')
    })
  }

  it('a shorter after that ARM refused leaves the longer one, which was scheduled before, to be joined', async () => {
    const { room, backend, asked } = await fresh()
    const first = told(await room.reconnect({ backend, ...AFTER('PT10M') }))
    room.sandbox.azure.faults.add({ target: 'arm', kind: '409', scope: backend, times: 1 })
    assert.equal((await room.reconnect({ backend, ...AFTER('PT5M') })).status, 409)
    assert.deepEqual(
      { ...told(await room.reconnect({ backend, ...AFTER('PT15M') })), operation: '' },
      { outcome: 'joined', operation: '', due: first.due },
    )
    assert.equal(told(await room.reconnect({ backend, ...AFTER('PT5M') })).outcome, 'forwarded')
    assert.equal(asked(), 3)
  })
})

describe('x-reconnect-force: true', { concurrency: 3 }, () => {
  it('force needs its action, also where a reconnect is scheduled that could be joined', async (t) => {
    const room = await startConversation(t)
    assert.equal(told(await room.reconnect({ as: 'tool' })).outcome, 'forwarded')
    assert.equal(told(await room.reconnect({ as: 'tool' })).outcome, 'joined')
    assertRefused(await room.reconnect({ as: 'tool', ...FORCE }), 403, 'AuthorizationFailed')
    assert.equal(room.reached().arm, 1)
  })

  it('a forced request does not join, and becomes the one that counts', async () => {
    const { room, backend, asked } = await fresh()
    const first = told(await room.reconnect({ backend, ...AFTER('PT5M') }))
    const forced = told(await room.reconnect({ backend, ...AFTER('PT5M'), ...FORCE }))
    assert.deepEqual([first.outcome, forced.outcome, asked()], ['forwarded', 'forwarded', 2])
    const next = await room.reconnect({ backend, ...AFTER('PT10M') })
    assert.deepEqual([told(next).due, (await room.decision(next))['joined']], [forced.due, forced.operation])
  })

  it('a forced request waits for the one in flight: it does not join, and does not overtake', async () => {
    const { room, backend, asked } = await fresh()
    room.sandbox.azure.faults.add({ target: 'arm', kind: 'slow', delayMs: 700, scope: backend, times: 1 })
    const first = room.reconnect({ backend })
    while (asked() === 0) await delay(5)
    const forced = await room.reconnect({ backend, ...FORCE })
    assert.deepEqual([told(await first).outcome, told(forced).outcome, asked()], ['forwarded', 'forwarded', 2])
    const [one, two] = room.armReceived(backend).map(({ at }) => Date.parse(at))
    assert.ok(Number(two) - Number(one) >= 690, `${Number(two) - Number(one)} ms apart`)
  })
})

describe('across instances', { concurrency: 2 }, () => {
  it('what one instance has forwarded, the other joins', async (t) => {
    const [one, other] = await startTwo(t)
    const first = told(await one.reconnect())
    const second = await other.reconnect()
    assert.deepEqual(
      [told(second).outcome, told(second).due, (await other.decision(second))['joined']],
      ['joined', first.due, first.operation],
    )
    assert.deepEqual([one.reached().arm, other.reached().arm], [1, 0])
  })

  it('a storm on two instances costs ARM one call in all', async (t) => {
    const [one, other] = await startTwo(t)
    const answers = (await Promise.all([times(50, () => one.reconnect()), times(50, () => other.reconnect())])).flat()
    assert.deepEqual(outcomesOf(answers), { forwarded: 1, joined: 99 })
    assert.equal(one.reached().arm + other.reached().arm, 1)
    assert.equal(new Set(answers.map((answer) => told(answer).due)).size, 1)
  })

  it('a reconnect that one instance could not get accepted is not joined through the other', async (t) => {
    const [one, other] = await startTwo(t)
    one.sandbox.azure.faults.set([{ target: 'arm', kind: '500' }])
    assertRefused(await one.reconnect(), 502, 'BadGateway')
    assert.equal(told(await other.reconnect()).outcome, 'forwarded')
    assert.equal(told(await one.reconnect()).outcome, 'joined', 'and the first learns of it')
  })

  it('what was scheduled before a failure of one instance is what the other joins', async (t) => {
    const [one, other] = await startTwo(t)
    const first = told(await one.reconnect(AFTER('PT10M')))
    one.sandbox.azure.faults.set([{ target: 'arm', kind: '409', times: 1 }])
    assertRefused(await one.reconnect(AFTER('PT5M')), 409, 'Conflict')
    assert.deepEqual([told(await other.reconnect(AFTER('PT15M'))).due, other.reached().arm], [first.due, 0])
  })

  it('a shorter after of one instance is what the other joins, although it remembers a longer one', async (t) => {
    const [one, other] = await startTwo(t)
    await one.reconnect(AFTER('PT10M'))
    const short = told(await other.reconnect(AFTER('PT5M')))
    assert.equal(short.outcome, 'forwarded')
    assert.equal(told(await one.reconnect(AFTER('PT6M'))).due, short.due)
  })
})
