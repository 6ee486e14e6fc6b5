import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { goingOn } from '../../../src/console/going-on.ts'
import { toProblem } from '../../../src/console/problem.ts'
import { stripsOf } from '../../../src/console/strip.ts'
import { AN_ALERT, anOperation, at, BACKEND, NOW, SERVICE } from './an-operation.ts'

const named = (name: string, change: Parameters<typeof anOperation>[0] = {}) =>
  anOperation({ id: name, backend: `${SERVICE}/backends/${name}`, ...change })

describe('what is going on', () => {
  it('shows trouble first, then what goes on, then what has just ended', () => {
    const cards = goingOn(
      [
        named('ended', { updatedAt: at(-5) }),
        named('due', { due: at(1) }),
        named('trouble', { state: 'failed' }),
        named('waits', { state: 'accepted', trigger: AN_ALERT, requestedAt: at(-300), updatedAt: at(-200) }),
      ],
      [],
      NOW,
    )
    assert.deepEqual(
      cards.map(({ id }) => id.split('/').at(-1)),
      ['trouble', 'due', 'waits', 'ended'],
    )
  })

  it('leaves out what ended long ago, dry runs and what joined another reconnect', () => {
    const old = { updatedAt: at(-90), due: at(-88) }
    const cards = goingOn(
      [
        named('old', old),
        named('bad', { state: 'failed', updatedAt: at(-61), due: at(-61) }),
        named('dry', { state: 'dry-run' }),
        named('joined', { state: 'joined' }),
      ],
      [],
      NOW,
    )
    assert.deepEqual(cards, [])
  })

  it('groups by backend without regard to case, each operation once, and counts what joined', () => {
    const due = anOperation({ id: '1', due: at(1) })
    const [card, ...others] = goingOn(
      [
        due,
        due,
        anOperation({ id: '2', backend: BACKEND.toUpperCase(), state: 'accepted' }),
        anOperation({ id: '3', state: 'joined', due: at(1) }),
      ],
      [],
      NOW,
    )
    assert.deepEqual([others.length, card?.operations.length, card?.joined], [0, 2, 1])
  })

  it('takes schedules and pauses of backends whose operations are older', () => {
    const pause = { id: 'p', scope: SERVICE, until: at(60), reason: 'maintenance' }
    const cards = goingOn(
      [],
      [
        { id: `${SERVICE}/backends/a`, actions: [], scheduled: { operation: 'x', due: at(60) } },
        { id: `${SERVICE}/backends/b`, actions: [], paused: pause },
        { id: `${SERVICE}/backends/c`, actions: [], scheduled: { operation: 'y', due: at(-1) } },
        { id: `${SERVICE}/backends/d`, actions: [] },
      ],
      NOW,
    )
    assert.deepEqual(
      cards.map(({ scheduled, paused }) => [scheduled?.operation, paused?.id]),
      [
        ['x', undefined],
        [undefined, 'p'],
      ],
    )
  })
})

describe('the last 24 hours of a backend', () => {
  it('are marks in order of time, the worst of each moment, with the same in words', () => {
    const [strip, ...others] = stripsOf(
      [
        anOperation({ requestedAt: at(-720), state: 'failed' }),
        anOperation({ requestedAt: at(-720) }),
        anOperation({ requestedAt: at(0) }),
        anOperation({ requestedAt: at(-1_441) }),
        anOperation({ requestedAt: at(5) }),
        anOperation({ requestedAt: 'x' }),
        anOperation({ state: 'dry-run' }),
      ],
      NOW,
    )
    assert.equal(others.length, 0)
    assert.deepEqual(strip?.marks, [
      { position: 0.5, tone: 'bad' },
      { position: 95 / 96, tone: 'quiet' },
    ])
    assert.equal(strip?.text, '3 operations in the last 24 hours, 1 of them needs attention')
  })
})

describe('what the page says of an answer', () => {
  for (const [status, code, kind] of [
    [401, 'AuthenticationFailed', 'signed-out'],
    [403, 'AuthorizationFailed', 'forbidden'],
    [404, undefined, 'not-available'],
    [404, 'OperationNotFound', 'not-found'],
    [503, 'ConfigurationInvalid', 'misconfigured'],
    [503, 'ServiceUnavailable', 'unavailable'],
    [502, 'UpstreamAuthorizationFailed', 'failed'],
    [504, 'GatewayTimeout', 'failed'],
    [500, 'InternalServerError', 'failed'],
    [400, 'InvalidQueryParameterValue', 'refused'],
    [413, undefined, 'refused'],
    [409, 'Conflict', 'refused'],
  ] as const)
    it(`${status} ${code ?? 'without a code'} is "${kind}", with a next step`, () => {
      const problem = toProblem({ status, ...(code === undefined ? {} : { code }), message: 'm' })
      assert.equal(problem.kind, kind)
      assert.equal(problem.said, 'm')
      assert.ok(problem.title !== '' && problem.text !== '')
    })
})
