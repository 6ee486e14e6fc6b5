import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import fc from 'fast-check'
import { isSegment, SEGMENT_PATTERNS, type SegmentName } from '../../../src/domain/segments.ts'
import { ROUTES } from '../../../src/functions/routes.ts'
import { WIRE } from '../../../src/http/failure-reply.ts'
import { openApiDocument } from '../../../src/http/openapi.ts'
import { endOperation, startOperation } from '../../../src/ledger/operations.ts'
import { parseReconnectCommand } from '../../../src/reconnect/parse-command.ts'
import { aDuration, aPermit, PARTS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'
import { JOINED, OPERATION_ID } from '../../support/fake-ledger.ts'
import { conforms } from '../../support/json-schema.ts'
import { ACCEPTED } from '../../support/story.ts'

interface Parameter {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema: {
    readonly type: string
    readonly pattern?: string
    readonly enum?: string[]
    readonly default?: string
  }
}

interface Operation {
  readonly operationId: string
  readonly security: object[]
  readonly parameters: Parameter[]
  readonly requestBody: { required: boolean; content: { 'application/json': { schema: Record<string, unknown> } } }
  readonly responses: Record<string, { description: string; content?: object; headers?: object }>
}

interface Document {
  readonly openapi: string
  readonly paths: Record<string, Record<string, Operation>>
}

const VERSIONS = { supported: ['2022-08-01', '2024-05-01'], fallback: '2024-05-01' }
const document = JSON.parse(JSON.stringify(openApiDocument(VERSIONS))) as Document
const RECONNECT =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'
const reconnect = document.paths[RECONNECT]?.['post'] as Operation

test('is valid OpenAPI 3.1', async () => {
  const validation = await new Validator().validate(structuredClone(document) as unknown as Record<string, unknown>)
  assert.deepEqual(validation.errors ?? [], [])
  assert.equal(validation.valid, true)
  assert.match(document.openapi, /^3\.1\./)
})

test('describes every route of the surface and no other, under its registered name', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
  )
  const registered = ROUTES.flatMap(({ name, route, methods }) =>
    // Ids of operations are unique, names of functions have two methods here and there.
    methods.map((method) => `${method === 'OPTIONS' ? 'alert-handshake' : name}: ${method} /${route}`),
  )
  assert.deepEqual(described.toSorted(), registered.toSorted())
})

test('asks for a token to reconnect and to read operations, and nowhere else', () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
  for (const { security } of operations)
    assert.ok(security.length === 0 || JSON.stringify(security) === '[{"entra":[]}]')
  const asking = operations.filter(({ security }) => security.length > 0).map(({ operationId }) => operationId)
  assert.deepEqual(asking.toSorted(), ['backend-reconnect', 'operation-get', 'operation-list'])
})

describe('the pattern of each path segment', () => {
  const names = Object.keys(SEGMENT_PATTERNS) as SegmentName[]

  test('is there, and there is no other segment', () => {
    const inPath = reconnect.parameters.filter((parameter) => parameter.in === 'path')
    assert.deepEqual(
      inPath.map(({ name }) => name),
      names,
    )
    assert.ok(inPath.every(({ required }) => required === true))
    assert.deepEqual(
      [...RECONNECT.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      names,
    )
  })

  for (const name of names) {
    // JSON Schema 2020-12, 6.3.3: a pattern should be read as a regular expression with the `u` flag.
    for (const flags of ['', 'u']) {
      test(`${name} agrees with what serves requests${flags === '' ? '' : ', also with the u flag'}`, () => {
        const pattern = new RegExp(
          reconnect.parameters.find((parameter) => parameter.name === name)?.schema.pattern ?? 'missing',
          flags,
        )
        // fast-check knows no look-ahead; the texts that it would exclude are welcome here.
        const near = fc.stringMatching(new RegExp(SEGMENT_PATTERNS[name].source.replace(/\(\?!.*?\$\)/, '')))
        const text = fc.oneof(
          fc.string({ unit: 'binary', maxLength: 100 }),
          fc.string({ unit: 'grapheme-ascii', maxLength: 100 }),
          near,
          near.map((valid) => `${valid}\n`),
          fc.constantFrom('.', '..', '', PARTS[name]),
        )
        fc.assert(
          fc.property(text, (segment) => assert.equal(pattern.test(segment), isSegment(name, segment))),
          { numRuns: 500 },
        )
      })
    }
  }
})

describe('the schema of the body', () => {
  const { schema } = reconnect.requestBody.content['application/json']

  function isRefusedForItsShape(body: string): boolean {
    const command = parseReconnectCommand(
      { path: PARTS, apiVersions: [], dryRun: undefined, force: undefined, body: Buffer.from(body) },
      VERSIONS,
    )
    return !command.ok && command.error.reason === 'body_malformed'
  }

  test('is optional', () => assert.equal(reconnect.requestBody.required, false))

  test('admits what is admitted and refuses what is refused, as far as shape goes', () => {
    const after = fc.oneof(fc.constantFrom('PT5M', 'PT3S', 'nonsense'), fc.jsonValue())
    const properties = fc.oneof(fc.jsonValue(), fc.record({ after, other: fc.jsonValue() }, { requiredKeys: [] }))
    const body = fc.oneof(fc.jsonValue(), fc.record({ properties, other: fc.jsonValue() }, { requiredKeys: [] }))
    fc.assert(
      fc.property(body, (value) => assert.equal(conforms(value, schema), !isRefusedForItsShape(JSON.stringify(value)))),
      { numRuns: 500 },
    )
  })

  test('carries an example that is accepted', () => {
    for (const example of schema['examples'] as unknown[])
      assert.equal(isRefusedForItsShape(JSON.stringify(example)), false)
  })
})

describe('the codes of the failure table', () => {
  const list = document.paths['/operations']?.['get'] as Operation
  const get = document.paths['/operations/{operationId}']?.['get'] as Operation
  const alert = document.paths['/alerts/{webhook}']?.['post'] as Operation
  const codesOf = ({ responses }: Operation): string[] =>
    Object.entries(responses).flatMap(([status, { description, content }]) =>
      JSON.stringify(content ?? {}).includes('ErrorResponse') && status !== '4XX'
        ? description.split(', ').map((code) => `${status} ${code}`)
        : [],
    )

  test('stand under their status where they occur, every one of them somewhere', () => {
    const all = Object.values(WIRE).map(({ status, code }) => `${status} ${code}`)
    assert.deepEqual(
      [...new Set([reconnect, list, get, alert].flatMap(codesOf).filter((code) => !code.includes(':')))].toSorted(),
      [...new Set(all)].toSorted(),
    )
  })

  test('of reading are not those of reconnecting', () => {
    const both = [
      '401 AuthenticationFailed',
      '500 InternalServerError',
      '503 ServiceUnavailable',
      '503 ConfigurationInvalid',
    ]
    assert.deepEqual(codesOf(list).toSorted(), ['400 InvalidQueryParameterValue', ...both].toSorted())
    assert.deepEqual(codesOf(get).toSorted(), ['404 OperationNotFound', ...both].toSorted())
    for (const code of ['400 InvalidQueryParameterValue', '404 OperationNotFound'])
      assert.ok(!codesOf(reconnect).includes(code), code)
  })
})

test('shows what senders of alerts are answered', () => {
  const alert = document.paths['/alerts/{webhook}']?.['post'] as Operation
  assert.deepEqual(Object.keys(alert.responses), ['200', '202', '400', '401', '403', '411', '413', '415', '500', '503'])
  assert.ok(!('429' in alert.responses), 'senders drop an alert for good on it')
})

test('shows a 202 with its outcomes and the way to the operation', () => {
  const headers = reconnect.responses['202']?.headers as Record<string, { schema: { enum?: string[] } }>
  assert.deepEqual(Object.keys(headers), [
    'x-reconnect-outcome',
    'x-reconnect-due',
    'x-reconnect-operation',
    'x-reconnect-warning',
    'location',
    'retry-after',
  ])
  assert.deepEqual(headers['x-reconnect-outcome']?.schema.enum, ['forwarded', 'joined', 'dry-run'])
})

test('shows an operation as it is answered: every member that one can have, and no other', () => {
  const schema = (
    document as unknown as {
      components: { schemas: { Operation: { required: string[]; properties: Record<string, unknown> } } }
    }
  ).components.schemas.Operation
  const started = startOperation(aPermit({ after: aDuration('PT5M') }), OPERATION_ID, START_EPOCH_MS)
  const arm = { status: 202, requestId: 'r', correlationId: 'c' }
  const members = [
    endOperation(started, { kind: 'joined', scheduled: JOINED }, START_EPOCH_MS),
    endOperation(
      started,
      { kind: 'failed', error: { code: 'C', message: 'm' }, forwarded: { ...ACCEPTED, ambiguous: true, arm } },
      START_EPOCH_MS,
    ),
  ]
  const counted = { ...members[0], joinedCount: 2 }
  for (const operation of members) for (const name of schema.required) assert.ok(Object.hasOwn(operation, name), name)
  assert.deepEqual(
    [...new Set([...members, counted].flatMap((operation) => Object.keys(operation)))].toSorted(),
    Object.keys(schema.properties).toSorted(),
  )
})

test('leaves room for what ARM says, and shows 202 without a body', () => {
  assert.ok(reconnect.responses['4XX'])
  assert.equal(reconnect.responses['202']?.content, undefined)
})

test('lists the versions that are configured, and which is taken without one', () => {
  const version = reconnect.parameters.find(({ name }) => name === 'api-version')
  assert.deepEqual(
    [version?.schema.enum, version?.schema.default, version?.required],
    [VERSIONS.supported, VERSIONS.fallback, undefined],
  )
})
