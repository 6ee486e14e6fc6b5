import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { ArmAnswer } from '../../../src/arm/answer.ts'
import { interpretReconnect, type Interpretation } from '../../../src/arm/interpret-reconnect.ts'
import type { ArmFailure } from '../../../src/domain/failure.ts'
import { aBackend } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

const SCOPE = aBackend().resourceId
const NOT_FOUND = '{"error":{"code":"ResourceNotFound","message":"Backend not found.","details":null}}'
const THROTTLED =
  '{"error":{"code":"SubscriptionRequestsThrottled","message":"Number of requests exceeded the limit."}}'

function answered(status: number, body = '', headers: Readonly<Record<string, string>> = {}): ArmAnswer {
  return { kind: 'answered', status, body, header: (name) => headers[name] }
}

function interpret(answer: ArmAnswer): Interpretation {
  return interpretReconnect(answer, SCOPE, START_EPOCH_MS)
}

function failureOf({ result }: Interpretation): ArmFailure {
  assert.ok(!result.ok, 'this answer is no success')
  return result.error
}

describe('a success', () => {
  for (const body of ['', ' \r\n', '{}', '{"status":"Accepted"}', 'null']) {
    test(`is a 202 with the body ${JSON.stringify(body)}`, () => {
      assert.deepEqual(interpret(answered(202, body)), { result: { ok: true, value: undefined }, repeat: 'no' })
    })
  }

  test('is not a 202 with an HTML page: something else answered', () => {
    const failure = failureOf(interpret(answered(202, '<html><body>Sign in</body></html>')))
    assert.deepEqual(failure, {
      reason: 'arm_answer_invalid',
      status: 202,
      detail: 'status 202, no ARM error in the body',
    })
  })

  for (const status of [100, 200, 201, 203, 204, 206, 299, 300, 301, 302, 303, 304, 307, 308]) {
    test(`is not a ${status}, and nothing is sent again on account of it`, () => {
      const interpretation = interpret(answered(status))
      assert.equal(failureOf(interpretation).reason, 'arm_answer_invalid')
      assert.equal(interpretation.repeat, 'no')
    })
  }
})

describe('a refusal of our identity', () => {
  for (const status of [401, 403]) {
    test(`(${status}) names our scope, and keeps ARM's words in the detail`, () => {
      const text =
        "The client '9a8b' with object id '9a8b' does not have authorization to perform action 'x' over scope '/subscriptions/1'"
      const interpretation = interpret(
        answered(status, JSON.stringify({ error: { code: 'AuthorizationFailed', message: text } })),
      )
      assert.deepEqual(failureOf(interpretation), {
        reason: 'arm_refused_identity',
        status,
        scope: SCOPE,
        detail: `AuthorizationFailed: ${text}`,
      })
      assert.equal(interpretation.repeat, status === 401 ? 'with_new_token' : 'no')
    })
  }

  test('is recognised without an envelope', () => {
    assert.equal(failureOf(interpret(answered(403, '<html>'))).reason, 'arm_refused_identity')
  })
})

describe('a refusal of the request', () => {
  for (const status of [400, 402, 404, 405, 409, 412, 413, 422, 451, 499]) {
    test(`(${status}) with an envelope is relayed and final`, () => {
      const interpretation = interpret(answered(status, NOT_FOUND))
      const error = { code: 'ResourceNotFound', message: 'Backend not found.', details: null }
      assert.deepEqual(interpretation, {
        result: { ok: false, error: { reason: 'arm_rejected', status, error } },
        repeat: 'no',
      })
    })
  }

  test('keeps target and details as ARM wrote them', () => {
    const error = {
      code: 'ValidationError',
      message: 'One or more fields contain incorrect values:',
      target: 'after',
      details: [{ code: 'V', target: 'after', message: 'm', x: [1, null] }],
    }
    const failure = failureOf(interpret(answered(400, JSON.stringify({ error }))))
    assert.ok(failure.reason === 'arm_rejected')
    assert.deepEqual(failure.error, error)
  })

  test('leaves out members that ARM does not have, and a target that is no text', () => {
    const failure = failureOf(
      interpret(answered(400, '{"error":{"code":"A","message":"m","target":5,"innererror":{"trace":"x"}},"other":1}')),
    )
    assert.deepEqual(failure, { reason: 'arm_rejected', status: 400, error: { code: 'A', message: 'm' } })
  })

  test('keeps "details": null apart from absent details', () => {
    const withNull = failureOf(interpret(answered(404, NOT_FOUND)))
    const without = failureOf(interpret(answered(404, '{"error":{"code":"A","message":"m"}}')))
    assert.ok(withNull.reason === 'arm_rejected' && Object.hasOwn(withNull.error, 'details'))
    assert.ok(without.reason === 'arm_rejected' && !Object.hasOwn(without.error, 'details'))
  })

  const NO_ENVELOPES = [
    '',
    '{}',
    '<html>',
    'null',
    '[]',
    '5',
    '"x"',
    '{"error":null}',
    '{"error":"x"}',
    '{"error":{"code":"A"}}',
    '{"error":{"code":5,"message":"m"}}',
    '{"error":{"code":"","message":"m"}}',
  ]
  for (const body of [
    ...NO_ENVELOPES,
    '{"error":{"code":"a b","message":"m"}}',
    '{"error":{"code":"a\\r\\nset-cookie: x","message":"m"}}',
  ]) {
    test(`without an envelope (${JSON.stringify(body)}) is an answer that makes no sense`, () => {
      const interpretation = interpret(answered(404, body))
      assert.equal(failureOf(interpretation).reason, 'arm_answer_invalid')
      assert.equal(interpretation.repeat, 'no')
    })
  }

  test('reads no envelope through __proto__', () => {
    const body = '{"__proto__":{"error":{"code":"A","message":"m"}}}'
    assert.equal(failureOf(interpret(answered(404, body))).reason, 'arm_answer_invalid')
    assert.equal(
      failureOf(interpret(answered(404, '{"error":{"__proto__":{"code":"A","message":"m"}}}'))).reason,
      'arm_answer_invalid',
    )
  })

  test('relays a member called __proto__ in details as a member, and touches no prototype', () => {
    const failure = failureOf(
      interpret(answered(400, '{"error":{"code":"A","message":"m","details":[{"__proto__":{"polluted":true}}]}}')),
    )
    assert.ok(failure.reason === 'arm_rejected')
    assert.equal(JSON.stringify(failure.error.details), '[{"__proto__":{"polluted":true}}]')
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  test('leaves out details that are nested deeper than anyone reads, so that the answer can always be written', () => {
    for (const depth of [17, 5_000, 100_000]) {
      const failure = failureOf(
        interpret(
          answered(400, `{"error":{"code":"A","message":"m","details":${'['.repeat(depth)}${']'.repeat(depth)}}}`),
        ),
      )
      assert.ok(failure.reason !== 'arm_rejected' || failure.error.details === undefined, `${depth} levels`)
      assert.doesNotThrow(() => JSON.stringify(failure))
    }
  })

  test('keeps details nested as deep as sixteen levels', () => {
    const failure = failureOf(
      interpret(answered(400, `{"error":{"code":"A","message":"m","details":${'['.repeat(16)}${']'.repeat(16)}}}`)),
    )
    assert.ok(failure.reason === 'arm_rejected' && failure.error.details !== undefined)
  })

  test('(408) may be repeated once: ARM may have had the whole request', () => {
    const interpretation = interpret(answered(408, '{"error":{"code":"RequestTimeout","message":"m"}}'))
    assert.equal(failureOf(interpretation).reason, 'arm_rejected')
    assert.equal(interpretation.repeat, 'once')
  })
})

describe('throttling', () => {
  test('is relayed with code, message and Retry-After, and may be repeated: the request was not processed', () => {
    const interpretation = interpret(answered(429, THROTTLED, { 'retry-after': '17' }))
    const error = { code: 'SubscriptionRequestsThrottled', message: 'Number of requests exceeded the limit.' }
    assert.deepEqual(interpretation, {
      result: { ok: false, error: { reason: 'arm_throttled', status: 429, error, retryAfter: '17' } },
      repeat: 'again',
      waitMs: 17_000,
    })
  })

  test('is throttling also without a body', () => {
    const failure = failureOf(interpret(answered(429)))
    assert.ok(failure.reason === 'arm_throttled')
    assert.equal(failure.error.code, 'TooManyRequests')
  })

  test('whatever Retry-After says: a wait of a second at least, or none', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.integer().map(String),
          fc.constantFrom('0', '-5', '2592000', 'soon', ''),
        ),
        (text) => {
          const { waitMs, repeat } = interpret(answered(429, THROTTLED, { 'retry-after': text }))
          assert.equal(repeat, 'again')
          assert.ok(waitMs === undefined || (Number.isFinite(waitMs) && waitMs >= 1_000))
        },
      ),
    )
  })
})

describe('a failure of ARM', () => {
  const cases: readonly [number, ArmFailure['reason']][] = [
    [500, 'arm_failed'],
    [501, 'arm_failed'],
    [502, 'arm_failed'],
    [503, 'arm_unavailable'],
    [504, 'outcome_unknown'],
    [599, 'arm_failed'],
  ]
  for (const [status, reason] of cases) {
    test(`(${status}) is ${reason}, may have taken effect, and is repeated once at most`, () => {
      for (const body of ['', '<html>', THROTTLED]) {
        const interpretation = interpret(answered(status, body))
        assert.equal(failureOf(interpretation).reason, reason)
        assert.equal(interpretation.repeat, 'once')
      }
    })
  }

  test('(503) keeps Retry-After, to be relayed and obeyed', () => {
    const interpretation = interpret(answered(503, '', { 'retry-after': '4' }))
    assert.deepEqual(failureOf(interpretation), {
      reason: 'arm_unavailable',
      status: 503,
      detail: 'status 503, no ARM error in the body',
      retryAfter: '4',
    })
    assert.equal(interpretation.waitMs, 4_000)
  })
})

describe('no answer', () => {
  const cases = [
    { answer: { kind: 'not_sent', detail: 'd', timedOut: false }, reason: 'arm_unreachable', repeat: 'again' },
    { answer: { kind: 'not_sent', detail: 'd', timedOut: true }, reason: 'deadline_exceeded', repeat: 'again' },
    { answer: { kind: 'lost', detail: 'd', timedOut: false }, reason: 'arm_connection_lost', repeat: 'once' },
    { answer: { kind: 'lost', detail: 'd', timedOut: true }, reason: 'outcome_unknown', repeat: 'once' },
  ] as const
  for (const { answer, reason, repeat } of cases) {
    test(`${answer.kind}${answer.timedOut ? ' in time' : ''} is ${reason} and is repeated: ${repeat}`, () => {
      assert.deepEqual(interpret(answer), { result: { ok: false, error: { reason, detail: 'd' } }, repeat })
    })
  }
})

test('every answer has a meaning, and only a 202 is a success', () => {
  const body = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({ error: fc.record({ code: fc.string(), message: fc.string(), details: fc.jsonValue() }) })
      .map((value) => JSON.stringify(value)),
  )
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 599 }), body, (status, text) => {
      const { result } = interpret(answered(status, text))
      assert.ok(!result.ok || status === 202)
      assert.doesNotThrow(() => JSON.stringify(result))
    }),
  )
})
