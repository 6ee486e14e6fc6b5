import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parsePolicy } from '../../../src/policy/policy-document.ts'
import { GROUP_ID, SUBSCRIPTION } from '../domain/ids.ts'
import { problemsOf, SAMPLE, sampleWith } from './a-policy.ts'
import { STRUCTURAL_FAULTS } from './structural-faults.ts'

const pathOf = (path: readonly (string | number)[]): string =>
  path
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)

describe('parsePolicy', () => {
  it('reads the sample of the contract', () => {
    const policy = parsePolicy(JSON.stringify(SAMPLE))
    assert.ok(policy.ok)
    const { grants, webhooks, limits, deliverWithin } = policy.value
    assert.deepEqual(
      grants.map(({ index, principal, scope, actions }) => ({ index, principal, scope: scope.resourceId, actions })),
      SAMPLE.grants.map((grant, index) => ({ index, actions: ['reconnect'], ...grant })),
    )
    assert.deepEqual(
      webhooks,
      Object.entries(SAMPLE.webhooks).map(([name, webhook]) => ({ name, ...webhook })),
    )
    assert.deepEqual(
      { limits, deliverWithin },
      { limits: { ...SAMPLE.limits, notHelping: { count: 3 } }, deliverWithin: 'PT6H' },
    )
  })

  it('reads the published example', () => {
    assert.equal(parsePolicy(readFileSync(new URL('../../../examples/policy.json', import.meta.url), 'utf8')).ok, true)
  })

  it('reads an empty document as a policy that allows nothing, with the documented limits', () => {
    assert.deepEqual(parsePolicy('{}'), {
      ok: true,
      value: {
        grants: [],
        webhooks: [],
        limits: { perBackend: { count: 6, window: 'PT1H' }, notHelping: { count: 3 } },
        deliverWithin: 'PT6H',
      },
    })
  })

  it('gives a grant without actions the action reconnect only', () => {
    const policy = parsePolicy(JSON.stringify({ grants: [{ principal: 'role:a', scope: GROUP_ID }] }))
    assert.ok(policy.ok)
    assert.deepEqual(policy.value.grants[0]?.actions, ['reconnect'])
  })

  it('accepts every documented kind of authentication, and a webhook named constructor', () => {
    const proofs = [
      { type: 'entra', role: 'R' },
      { type: 'entra', appIds: [SUBSCRIPTION] },
      { type: 'hmac', secret: 'A', header: 'X-Signature' },
      { type: 'standard-webhooks', secret: 'A1_' },
      { type: 'bearer', secret: 'A', nextSecret: 'B' },
      { type: 'basic', username: 'prometheus user', secret: 'A' },
      { type: 'query', parameter: 'code', secret: 'A' },
    ]
    for (const authentication of proofs) {
      assert.deepEqual(
        problemsOf({ webhooks: { constructor: { format: 'generic', authentication } } }),
        [],
        JSON.stringify(authentication),
      )
    }
  })

  it('accepts every action, the mode of a webhook, and the settings of its effect', () => {
    const effect = { confirmWithin: 'PT45M', resolveLag: 'PT0S', settle: 'PT10M', confirms: true }
    const document = {
      grants: [{ principal: 'role:a', scope: GROUP_ID, actions: ['reconnect', 'read', 'force', 'pause'] }],
      webhooks: {
        a: { format: 'azure-monitor', authentication: { type: 'entra', role: 'R' }, mode: 'dry-run', effect },
        g: { format: 'generic', authentication: { type: 'entra', role: 'R' }, mode: 'on', effect: { confirms: false } },
      },
      limits: { notHelping: { count: 5 } },
    }
    const policy = parsePolicy(JSON.stringify(document))
    assert.ok(policy.ok, JSON.stringify(policy))
    assert.deepEqual(policy.value.webhooks[0], { name: 'a', ...document.webhooks.a })
    assert.deepEqual(policy.value.limits, { perBackend: { count: 6, window: 'PT1H' }, notHelping: { count: 5 } })
  })

  it('refuses a grant to a webhook that does not exist, also to one named constructor', () => {
    for (const name of ['azure-montior', 'constructor']) {
      const problems = problemsOf(sampleWith(['grants', 2, 'principal'], `webhook:${name}`))
      assert.deepEqual(
        problems.map(({ path }) => path),
        ['grants[2].principal'],
      )
      assert.match(problems[0]?.expectation ?? '', /the name of a webhook that this document has/)
    }
  })

  it('accepts a byte order mark, which Windows editors write', () => assert.deepEqual(problemsOf('\ufeff{}'), []))

  for (const { what, path, value, reportedAt } of STRUCTURAL_FAULTS) {
    it(`refuses ${what}: ${JSON.stringify(value) ?? 'nothing'}`, () => {
      const problems = problemsOf(sampleWith(path, value))
      assert.deepEqual(
        problems.map((problem) => problem.path),
        [reportedAt ?? pathOf(path)],
      )
      for (const { expectation, example } of problems) assert.ok(expectation.length > 5 && example.length > 0)
    })
  }

  it('refuses an after of more than a day, and windows of zero or more than a week', () => {
    assert.equal(problemsOf(sampleWith(['webhooks', 'grafana', 'after'], 'P2D'))[0]?.path, 'webhooks.grafana.after')
    assert.equal(problemsOf(sampleWith(['webhooks', 'grafana', 'after'], 'PT0S'))[0]?.path, 'webhooks.grafana.after')
    for (const window of ['PT0S', 'P8D']) {
      assert.equal(
        problemsOf(sampleWith(['limits', 'perBackend', 'window'], window))[0]?.path,
        'limits.perBackend.window',
      )
      assert.equal(problemsOf(sampleWith(['deliverWithin'], window))[0]?.path, 'deliverWithin')
    }
  })

  it('refuses a backend template without attributes that is not a backend', () => {
    assert.equal(
      problemsOf(sampleWith(['webhooks', 'grafana', 'backend'], `${GROUP_ID}/backends/x`))[0]?.path,
      'webhooks.grafana.backend',
    )
  })

  it('reports all problems together', () => {
    const problems = problemsOf({
      grants: [
        { principal: 'x', scope: 'y' },
        { scope: GROUP_ID, actions: [] },
      ],
      webhook: {},
      deliverWithin: 1,
    })
    assert.deepEqual(
      problems.map(({ path }) => path),
      [
        'grants[0].principal',
        'grants[0].scope',
        'grants[1].principal',
        'grants[1].actions',
        'deliverWithin',
        'webhook',
      ],
    )
  })

  it('names the segment of a scope that is wrong', () => {
    const [problem] = problemsOf({
      grants: [{ principal: 'role:a', scope: `/subscriptions/${SUBSCRIPTION}/resourceGroup/x` }],
    })
    assert.match(problem?.expectation ?? '', /'resourcegroups' as segment 3/)
  })

  describe('JSON', () => {
    for (const text of [
      '',
      ' ',
      '{',
      '{,}',
      '{"grants":[],}',
      '// no\n{}',
      '{} /* no */',
      "{'grants':[]}",
      '{}{}',
      'NaN',
      '\u0000',
      '\ud800',
    ]) {
      it(`refuses ${JSON.stringify(text)} as not JSON`, () => {
        const problems = problemsOf(text)
        assert.deepEqual(
          problems.map(({ path }) => path),
          [''],
        )
        assert.match(problems[0]?.expectation ?? '', /plain JSON/)
      })
    }
    for (const text of ['null', '[]', '"x"', '1', 'true'])
      it(`refuses ${text} as not an object`, () => assert.equal(problemsOf(text)[0]?.path, ''))

    it('has line and column of the first syntax error in the problem', () =>
      assert.match(problemsOf('{"grants":[],\n  }')[0]?.expectation ?? '', /line 2 column 3/))

    it('refuses a member name that occurs twice in its object, at any depth and with any escapes', () => {
      const grant = `{"principal":"role:a","scope":"${GROUP_ID}"`
      assert.deepEqual(
        problemsOf('{"grants":[],"grants":[]}').map(({ path }) => path),
        ['grants'],
      )
      assert.deepEqual(
        problemsOf(`{"grants":[${grant}},${grant},"sc\\u006fpe":"${GROUP_ID}"}]}`).map(({ path }) => path),
        ['grants[1].scope'],
      )
    })

    it('accepts the same name in different objects, and names inside texts', () => {
      assert.deepEqual(
        problemsOf({
          grants: [
            { principal: 'role:{"a":1,"a":2}', scope: GROUP_ID },
            { principal: 'role:\\",\\"', scope: GROUP_ID },
          ],
        }),
        [],
      )
    })

    it('refuses __proto__ at any place, since the schema would ignore it', () => {
      const proof = '{"format":"generic","authentication":{"type":"bearer","secret":"A"}'
      assert.deepEqual(
        problemsOf(`{"webhooks":{"__proto__":${proof}}}}`).map(({ path }) => path),
        ['webhooks.__proto__'],
      )
      assert.deepEqual(
        problemsOf(`{"webhooks":{"a":${proof},"match":{"__proto__":"x"}}}}`).map(({ path }) => path),
        ['webhooks.a.match.__proto__'],
      )
      assert.match(problemsOf('{"__proto__":{"grants":[]}}')[0]?.expectation ?? '', /another name than '__proto__'/)
    })

    it('is read as JSON.parse reads it, or refused without an exception', () => {
      fc.assert(
        fc.property(fc.json(), (text) => {
          const policy = parsePolicy(text)
          if (policy.ok) assert.deepEqual(Object.keys(JSON.parse(text) as object), [])
        }),
      )
    })
  })

  it('repeats no value in a problem, and escapes member names that could forge a log line', () => {
    const secret = 'hunter2-hunter2-hunter2'
    const documents = [
      { grants: [{ principal: secret, scope: secret }] },
      { grants: [{ principal: `role:${secret} x`, scope: `/subscriptions/${secret}` }] },
      {
        grants: [
          {
            principal: 'role:a',
            scope: `/subscriptions/${SUBSCRIPTION}/resourceGroups/${secret}/${secret}`,
            actions: [secret],
          },
        ],
      },
      {
        webhooks: {
          a: { format: secret, authentication: { type: secret } },
          b: { format: 'generic', authentication: { type: 'bearer', secret } },
        },
      },
      `{"grants": ${secret}}`,
    ]
    for (const document of documents) {
      const problems = problemsOf(document)
      assert.ok(problems.length > 0)
      assert.equal(JSON.stringify(problems).includes(secret), false)
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (name) => {
        for (const { path } of problemsOf(JSON.stringify({ [name]: 1 }))) assert.match(path, /^[ -~]{0,400}$/)
      }),
    )
  })
})
