import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { RequestFailure } from '../../../src/domain/failure.ts'
import { parseReconnectCommand, type ReconnectFacts } from '../../../src/reconnect/parse-command.ts'
import { aBackend, aCommand, aDuration, PARTS } from '../../support/builders.ts'

const VERSIONS = { supported: ['2022-08-01', '2024-05-01'], fallback: '2024-05-01' }

interface Change extends Partial<Omit<ReconnectFacts, 'body' | 'query'>> {
  readonly body?: string | Uint8Array
  /** Text behind the question mark. */
  readonly query?: string
}

function parse({ body, query, ...change }: Change = {}): ReturnType<typeof parseReconnectCommand> {
  const facts: ReconnectFacts = {
    path: PARTS,
    query: new URLSearchParams(query),
    dryRun: undefined,
    force: undefined,
    reason: undefined,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  }
  return parseReconnectCommand({ ...facts, ...change }, VERSIONS)
}

function refusal(change: Change): RequestFailure {
  const command = parse(change)
  assert.ok(!command.ok, 'this command is refused')
  return command.error
}

function afterOf(body: string | Uint8Array): string | undefined {
  const command = parse({ body })
  assert.ok(command.ok, 'this body is accepted')
  return command.value.after?.text
}

test("nothing but a path is a command with ARM's own defaults", () => {
  assert.deepEqual(parse(), { ok: true, value: aCommand() })
})

test('everything said is in the command, spelled as it was', () => {
  const command = parse({
    query: 'api-version=2022-08-01',
    dryRun: 'true',
    force: 'TRUE',
    reason: 'INC-4711: orders times out',
    body: '{"properties":{"after":"P0DT0H5M"}}',
  })
  assert.deepEqual(command, {
    ok: true,
    value: aCommand({
      apiVersion: '2022-08-01',
      dryRun: true,
      force: true,
      reason: 'INC-4711: orders times out',
      after: aDuration('P0DT0H5M'),
    }),
  })
})

describe('the order of checks is body, query, headers, target', () => {
  const wrong: Required<Change> = {
    body: '[',
    query: 'api-version=x',
    dryRun: 'x',
    force: 'x',
    reason: 'é',
    path: { ...PARTS, backendId: '..' },
  }
  const order = [
    ['body', 'body_malformed', undefined],
    ['query', 'api_version_invalid', undefined],
    ['dryRun', 'header_invalid', 'x-reconnect-dry-run'],
    ['force', 'header_invalid', 'x-reconnect-force'],
    ['reason', 'header_invalid', 'x-reconnect-reason'],
    ['path', 'segment_invalid', undefined],
  ] as const
  let facts: Change = wrong
  for (const [fact, reason, header] of order) {
    const given = facts
    test(`a wrong ${fact} is told before what comes after it`, () => {
      const failure = refusal(given)
      assert.equal(failure.reason, reason)
      if (failure.reason === 'header_invalid') assert.equal(failure.header, header)
    })
    facts = Object.fromEntries(Object.entries(facts).filter(([name]) => name !== fact))
  }
})

describe('the body', () => {
  const WITHOUT_AFTER = [
    '{}',
    '{"properties":null}',
    '{"properties":{}}',
    '{"properties":{"after":null}}',
    '{"other":[1],"Properties":{"other":"PT9M"}}',
    ' {}\n',
    '{"properties":{"before":"PT9M","other":{"after":"PT9M"}}}',
    // NSwag sends it for a body that was not given, and other generators for members that were not.
    'null',
    ' null\n',
    '{"after":null,"Properties":{"After":null}}',
  ]
  for (const body of WITHOUT_AFTER)
    test(`${JSON.stringify(body)} asks for the default`, () => assert.equal(afterOf(body), undefined))

  const MALFORMED = [
    '',
    ' ',
    'x',
    '[',
    '{',
    '[]',
    '5',
    '"x"',
    'true',
    '{"properties":[]}',
    '{"properties":"x"}',
    '{"properties":5}',
    '{"properties":false}',
    "{'properties':{}}",
    '{"properties":{}}{}',
    '{"properties":{},}',
    'undefined',
    'NaN',
  ]
  for (const body of MALFORMED)
    test(`${JSON.stringify(body)} is malformed`, () => assert.equal(refusal({ body }).reason, 'body_malformed'))

  const MISPLACED = [
    '{"after":"PT9M"}',
    '{"After":"PT9M"}',
    '{"Properties":{"after":"PT9M"}}',
    '{"PROPERTIES":{"AFTER":"PT9M"}}',
    '{"properties":{"After":"PT9M"}}',
    '{"after":"PT9M","properties":{"after":"PT5M"}}',
    '{"properties":{"after":"PT5M","AFTER":"PT9M"}}',
    '{"properties":{"after":"PT5M"},"Properties":{"after":"PT9M"}}',
    '{"after":""}',
    '{"after":5,"properties":null}',
  ]
  for (const body of MISPLACED) {
    test(`an after that ARM would not find is refused, and the right form is shown: ${body}`, () => {
      const failure = refusal({ body })
      assert.ok(failure.reason === 'body_malformed')
      assert.ok(failure.expectation.includes('{"properties":{"after":"PT5M"}}'), failure.expectation)
    })
  }

  test('an after in letters that only look like it is another member', () =>
    assert.equal(afterOf('{"a\u017fter":"PT9M","\u0430fter":"PT9M"}'), undefined))

  for (const after of [
    '5',
    '""',
    '"nonsense"',
    '"PT"',
    '[]',
    '{}',
    'true',
    '"pt5m"',
    '" PT5M"',
    '"-PT5M"',
    '["PT5M"]',
  ]) {
    test(`after ${after} is no duration`, () =>
      assert.deepEqual(refusal({ body: `{"properties":{"after":${after}}}` }), {
        reason: 'duration_invalid',
        fault: 'not_iso8601',
      }))
  }

  test('after of zero, or of more than a day, is a duration that is refused', () => {
    assert.deepEqual(refusal({ body: '{"properties":{"after":"PT0S"}}' }), {
      reason: 'duration_invalid',
      fault: 'not_positive',
    })
    assert.deepEqual(refusal({ body: '{"properties":{"after":"PT24H1S"}}' }), {
      reason: 'duration_invalid',
      fault: 'too_long',
    })
  })

  test('a byte order mark is passed over', () => assert.equal(afterOf('\ufeff{"properties":{"after":"PT5M"}}'), 'PT5M'))

  test('bytes that are no UTF-8 are malformed, not repaired', () => {
    for (const bytes of [
      [0xff, 0xfe],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
    ]) {
      assert.equal(
        refusal({ body: Buffer.concat([Buffer.from('{"x":"'), Buffer.from(bytes), Buffer.from('"}')]) }).reason,
        'body_malformed',
      )
    }
    assert.equal(refusal({ body: Buffer.from('{"properties":{}}', 'utf16le') }).reason, 'body_malformed')
  })

  test('of two members of one name the last one counts, and that one is forwarded', () => {
    assert.equal(afterOf('{"properties":{"after":"PT1M","after":"PT9M"}}'), 'PT9M')
    assert.equal(refusal({ body: '{"properties":{"after":"PT1M","after":"x"}}' }).reason, 'duration_invalid')
    assert.equal(afterOf('{"properties":{"after":"PT1M"},"properties":{}}'), undefined)
  })

  test('a member called __proto__ is a member like any other', () => {
    assert.equal(afterOf('{"__proto__":{"properties":{"after":"PT9M"}}}'), undefined)
    assert.equal(afterOf('{"properties":{"__proto__":{"after":"PT9M"}}}'), undefined)
    assert.equal(({} as { after?: string }).after, undefined)
  })

  for (const wrap of ['?', '{"x":?}', '{"properties":?}', '{"properties":{"after":?}}', '{"properties":{"x":?}}']) {
    test(`30,000 nested arrays, as many as fit, in ${wrap} are judged, not a defect`, () => {
      const nested = '['.repeat(30_000) + ']'.repeat(30_000)
      assert.doesNotThrow(() => parse({ body: wrap.replace('?', nested) }))
      assert.doesNotThrow(() => JSON.stringify(parse({ body: wrap.replace('?', nested) })))
    })
  }

  test('any JSON at all is judged without an exception, and nothing but a duration gets in', () => {
    const body = fc.oneof(
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.record({ properties: fc.record({ after: fc.jsonValue() }) }).map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(body, (text) => {
        const command = parse({ body: text })
        if (command.ok && command.value.after !== undefined) assert.match(command.value.after.text, /^P[0-9DTHMSW.,]+$/)
      }),
    )
  })
})

describe('the api-version', () => {
  for (const given of [
    'api-version=2024-05-02',
    'api-version=',
    'api-version=2024-05-01&api-version=2024-05-01',
    'api-version=2022-08-01&API-Version=2024-05-01',
    'api-version=2024-05-01%20',
    'api-version=2024-05-01-preview',
    'api-version=__proto__',
  ]) {
    test(`${given} is refused, and the supported ones are named`, () => {
      assert.deepEqual(refusal({ query: given }), { reason: 'api_version_invalid', supported: VERSIONS.supported })
    })
  }

  test('is found under any letter case of its name, and other parameters are ignored, as ARM ignores them', () => {
    const command = parse({ query: '$filter=x&API-Version=2022-08-01&code=secret' })
    assert.ok(command.ok)
    assert.equal(command.value.apiVersion, '2022-08-01')
  })
})

for (const query of ['after=PT5M', 'AFTER=PT5M', 'api-version=2024-05-01&After=', '%61fter=PT5M']) {
  test(`after as a query parameter is refused, and the right place is shown: ${query}`, () => {
    const failure = refusal({ query, body: '{"properties":{"after":"PT5M"}}' })
    assert.ok(failure.reason === 'parameter_invalid' && failure.parameter === 'after')
    assert.ok(failure.expectation.includes('{"properties":{"after":"PT5M"}}'), failure.expectation)
  })
}

describe('the reason', () => {
  const reasonOf = (reason: string): string | undefined => {
    const command = parse({ reason })
    assert.ok(command.ok, 'this reason is accepted')
    return command.value.reason
  }

  test('is taken as it is, up to 200 printable ASCII characters', () => {
    for (const text of ['deployment 42', '~', '{"a":1}, twice', 'x'.repeat(200)]) assert.equal(reasonOf(text), text)
  })

  test('that is empty is none', () => {
    for (const text of ['', ' ', '\t']) assert.equal(reasonOf(text), undefined)
  })

  for (const text of ['x'.repeat(201), 'é', 'a\tb', 'a\u0000', '\u007f', 'a\nb', '\u2028']) {
    test(`${JSON.stringify(text.slice(0, 10))} is refused by the name of its header`, () =>
      assert.deepEqual(refusal({ reason: text }), {
        reason: 'header_invalid',
        header: 'x-reconnect-reason',
        expectation: 'at most 200 printable ASCII characters',
      }))
  }
})

describe('the flags', () => {
  for (const text of ['true', 'True', ' TRUE ']) {
    test(`"${text}" is yes`, () => {
      const command = parse({ dryRun: text, force: text })
      assert.ok(command.ok && command.value.dryRun && command.value.force)
    })
  }

  for (const text of ['false', 'FALSE', undefined]) {
    test(`${text === undefined ? 'no header' : `"${text}"`} is no`, () => {
      const command = parse({ dryRun: text, force: text })
      assert.ok(command.ok && !command.value.dryRun && !command.value.force)
    })
  }

  for (const text of ['', ' ', '1', 'yes', 'on', 'ture', 'true, true', 'true,false', 'null', '\u212arue']) {
    test(`"${text}" is neither: a misspelled dry run must not be sent for real`, () => {
      assert.deepEqual(refusal({ dryRun: text }), {
        reason: 'header_invalid',
        header: 'x-reconnect-dry-run',
        expectation: "'true' or 'false'",
      })
      assert.equal(refusal({ force: text }).reason, 'header_invalid')
    })
  }
})

describe('the target', () => {
  const CASES = [
    ['subscriptionId', 'not-a-guid'],
    ['resourceGroupName', '..'],
    ['serviceName', '-apim'],
    ['backendId', '..'],
    ['backendId', '.'],
    ['backendId', ''],
    ['backendId', 'a/../b'],
    ['backendId', 'x'.repeat(81)],
  ] as const
  for (const [segment, text] of CASES) {
    test(`${segment} "${text.slice(0, 12)}" is refused by name`, () => {
      assert.deepEqual(refusal({ path: { ...PARTS, [segment]: text } }), { reason: 'segment_invalid', segment })
    })
  }

  test('a missing segment is refused', () =>
    assert.deepEqual(refusal({ path: {} }), { reason: 'segment_invalid', segment: 'subscriptionId' }))

  test('members beside the four are not looked at', () => {
    const command = parse({ path: { ...PARTS, extra: '..' } as typeof PARTS })
    assert.ok(command.ok)
    assert.equal(command.value.backend.resourceId, aBackend().resourceId)
  })
})
