import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { isSegment, SEGMENT_PATTERNS, type SegmentName } from '../../../src/domain/segments.ts'
import { ROUTES } from '../../../src/functions/routes.ts'
import { WIRE } from '../../../src/http/failure-reply.ts'
import { DESCRIBED_FUNCTIONS, openApiDocument } from '../../../src/http/openapi/document.ts'
import { toOpenApi30 } from '../../../src/http/openapi/to-openapi-3-0.ts'
import { publishedOpenApi30 } from '../../../src/cli/published-openapi.ts'
import { OPERATION_PARAMETERS } from '../../../src/http/operation-query.ts'
import type { Json } from '../../../src/http/openapi/parts.ts'
import { advance, startOperation, toShown } from '../../../src/domain/operation.ts'
import type { OperationId } from '../../../src/domain/operation-id.ts'
import { parseReconnectCommand } from '../../../src/reconnect/parse-command.ts'
import { aDuration, aPermit, PARTS } from '../../support/builders.ts'
import { START_EPOCH_MS } from '../../support/fake-clock.ts'

type Schema = Readonly<Record<string, unknown>>

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
const REGISTERED: ReadonlySet<string> = new Set(ROUTES.map(({ name }) => name))
const facts = { apiVersions: VERSIONS, publicUrl: undefined, functions: REGISTERED }
const asJson = (value: unknown): Document => JSON.parse(JSON.stringify(value)) as Document
const document = asJson(openApiDocument(facts))
/** As it will be when every route of the contract is registered. */
const whole = asJson(openApiDocument({ ...facts, functions: DESCRIBED_FUNCTIONS }))
const RECONNECT =
  '/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.ApiManagement/service/{serviceName}/backends/{backendId}/reconnect'
const reconnect = document.paths[RECONNECT]?.['post'] as Operation

for (const [what, value, version] of [
  ['the document', document, /^3\.1\./],
  ['the document of all routes', whole, /^3\.1\./],
  ['the document in the older version', asJson(toOpenApi30(document as unknown as Json)), /^3\.0\./],
  ['the document of all routes in the older version', asJson(toOpenApi30(whole as unknown as Json)), /^3\.0\./],
] as const) {
  test(`${what} is valid OpenAPI`, async () => {
    const validation = await new Validator().validate(structuredClone(value) as unknown as Record<string, unknown>)
    assert.deepEqual(validation.errors ?? [], [])
    assert.equal(validation.valid, true)
    assert.match(value.openapi, version)
  })
}

test('docs/openapi-3.0.json is up to date (node src/cli/write-openapi.ts)', () => {
  const published: unknown = JSON.parse(
    readFileSync(new URL('../../../docs/openapi-3.0.json', import.meta.url), 'utf8'),
  )
  assert.deepEqual(published, asJson(publishedOpenApi30()))
})

test('has the version of the package', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  assert.equal((document as unknown as { info: { version: string } }).info.version, version)
})

test('names the address of the app where that is set, and where the document was read otherwise', () => {
  const serversOf = (publicUrl: string | undefined): unknown => openApiDocument({ ...facts, publicUrl })['servers']
  assert.deepEqual(serversOf('https://reconnect.example'), [{ url: 'https://reconnect.example' }])
  assert.deepEqual(serversOf(undefined), [{ url: '/' }])
})

test('says of every operation what it is for, and of every parameter what it means', () => {
  for (const methods of Object.values(whole.paths)) {
    for (const operation of Object.values(methods)) {
      const { operationId, summary, description, tags } = operation as Operation & Record<string, unknown>
      assert.ok(summary && description && Array.isArray(tags) && tags.length === 1, operationId)
      for (const parameter of (operation.parameters ?? []) as (Parameter & { $ref?: string; description?: string })[])
        assert.ok(parameter.$ref ?? parameter.description, `${operationId} ${parameter.name}`)
    }
  }
})

test('says statuses outright, and leaves a default for what Azure Resource Manager alone knows', () => {
  for (const methods of Object.values(whole.paths))
    for (const { operationId, responses } of Object.values(methods))
      for (const status of Object.keys(responses))
        assert.match(status, operationId === 'backend-reconnect' ? /^(?:[1-5]\d\d|default)$/ : /^[1-5]\d\d$/)
})

test('has no hole in its texts, and tells senders of alerts nothing of bearer tokens', () => {
  assert.doesNotMatch(JSON.stringify(whole), /undefined|\[object/)
  const refused = whole.paths['/alerts/{webhook}']?.['post']?.responses['401']
  assert.doesNotMatch(JSON.stringify(refused?.content), /bearer|token/i)
})

test('has a typed after', () => {
  const { schemas } = (document as unknown as { components: { schemas: Record<string, Schema> } }).components
  const { after } = (schemas['ReconnectProperties'] as { properties: Record<string, Schema> }).properties
  assert.deepEqual(
    [after?.['type'], after?.['format'], typeof after?.['description']],
    ['string', 'duration', 'string'],
  )
})

test('describes every route of the surface and no other, under its registered name', () => {
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
  )
  // The console is a page and no interface.
  const registered = ROUTES.filter(({ name }) => !name.startsWith('console')).flatMap(({ name, route, methods }) =>
    // Ids of operations are unique, names of functions have two methods here and there.
    methods.map((method) => `${method === 'OPTIONS' ? 'alert-handshake' : name}: ${method} /${route}`),
  )
  assert.deepEqual(described.toSorted(), registered.toSorted())
})

test('asks for a token everywhere but of health checks, of readers of this document, and of senders of alerts', () => {
  const operations = Object.values(whole.paths).flatMap((methods) => Object.values(methods))
  const idsWhere = (matches: (security: object[]) => boolean): string[] =>
    operations
      .filter(({ security }) => matches(security))
      .map(({ operationId }) => operationId)
      .toSorted()
  assert.deepEqual(
    idsWhere((security) => security.length === 0),
    ['health-live', 'health-ready', 'openapi-get'],
  )
  assert.deepEqual(
    idsWhere((security) => security.length > 1),
    ['alert-handshake', 'alert-receive'],
  )
  for (const { security } of operations)
    assert.ok(security.length === 0 || JSON.stringify(security[0]) === '{"entra":[]}')
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
  const components = (document as unknown as { components: object }).components
  const ajv = new Ajv2020({ strict: false, formats: { duration: true } })
  const accepts = ajv.compile({ $ref: '#/components/schemas/ReconnectRequest', components })

  function refusalOf(body: string): string | undefined {
    const command = parseReconnectCommand(
      {
        path: PARTS,
        query: [],
        dryRun: undefined,
        force: undefined,
        reason: undefined,
        body: Buffer.from(body),
      },
      VERSIONS,
    )
    return command.ok ? undefined : command.error.reason
  }

  test('is optional', () => assert.equal(reconnect.requestBody.required, false))

  test('admits nothing that is refused for its shape, but for an after in the wrong place', () => {
    const after = fc.oneof(fc.constantFrom('PT5M', 'PT3S', 'nonsense'), fc.jsonValue())
    const properties = fc.oneof(fc.jsonValue(), fc.record({ after, other: fc.jsonValue() }, { requiredKeys: [] }))
    const body = fc.oneof(fc.jsonValue(), fc.record({ properties, other: fc.jsonValue() }, { requiredKeys: [] }))
    fc.assert(
      fc.property(body, (value) => {
        const text = JSON.stringify(value)
        if (accepts(value) && !/after/i.test(text.replace('"after"', '')))
          assert.notEqual(refusalOf(text), 'body_malformed', text)
      }),
      { numRuns: 500 },
    )
  })

  test('refuses what is refused for its shape', () => {
    for (const text of ['[]', '5', '"x"', '{"properties":5}', '{"properties":[]}', '{"properties":{"after":5}}']) {
      assert.ok(refusalOf(text), text)
      assert.equal(accepts(JSON.parse(text)), false, text)
    }
  })

  test('carries an example that is accepted', () => {
    const { example } = reconnect.requestBody.content['application/json'] as { example?: unknown }
    assert.equal(accepts(example), true)
    assert.equal(refusalOf(JSON.stringify(example)), undefined)
  })
})

describe('the codes of the failure table', () => {
  const codesOf = ({ responses }: Operation): string[] =>
    Object.entries(responses).flatMap(([status, { description }]) =>
      [...description.matchAll(/`([A-Z][A-Za-z]+)`: /g)].map(([, code]) => `${status} ${code}`),
    )
  const operationOf = (path: string): Operation => document.paths[path]?.['get'] as Operation
  const [list, get] = [operationOf('/operations'), operationOf('/operations/{operationId}')]

  test('stand under their status where they occur, every one of them somewhere', () => {
    const all = Object.values(WIRE).map(({ status, code }) => `${status} ${code}`)
    const described = Object.values(document.paths).flatMap((methods) => Object.values(methods).flatMap(codesOf))
    assert.deepEqual([...new Set(described)].toSorted(), [...new Set(all)].toSorted())
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
    assert.ok(!codesOf(reconnect).includes('404 OperationNotFound'))
  })
})

test('shows what senders of alerts are answered', () => {
  const alert = document.paths['/alerts/{webhook}']?.['post'] as Operation
  assert.deepEqual(Object.keys(alert.responses), ['200', '202', '400', '401', '403', '411', '413', '415', '500', '503'])
  assert.ok(!('429' in alert.responses), 'senders drop an alert for good on it')
})

test('describes every parameter of the list of operations that is read', () => {
  const list = document.paths['/operations']?.['get'] as Operation
  const components = (document as unknown as { components: { parameters: Record<string, Parameter> } }).components
  const names = (list.parameters as (Parameter & { $ref?: string })[]).map((parameter) =>
    parameter.$ref === undefined ? parameter.name : components.parameters[parameter.$ref.split('/').at(-1) ?? '']?.name,
  )
  assert.deepEqual(names, OPERATION_PARAMETERS)
})

test('shows a 202 with its outcomes and the way to the operation', () => {
  const { headers } = (
    document as unknown as { components: { headers: Record<string, { schema: { enum?: string[] } }> } }
  ).components
  for (const name of ['outcome', 'would', 'due', 'operation', 'warning'])
    assert.ok(reconnect.responses['202']?.headers && `x-reconnect-${name}` in reconnect.responses['202'].headers, name)
  assert.deepEqual(headers['x-reconnect-outcome']?.schema.enum, ['forwarded', 'joined', 'dry-run'])
  assert.deepEqual(headers['x-reconnect-would']?.schema.enum, ['forward', 'join'])
  assert.equal(reconnect.responses['202']?.content, undefined)
})

test('shows an operation as it is answered: every member that one can have, and no other', () => {
  const schema = (
    document as unknown as {
      components: { schemas: { Operation: { required: string[]; properties: Record<string, unknown> } } }
    }
  ).components.schemas.Operation
  const id = 'MDE5YWM3ZTItb3JkZXJz' as OperationId
  const permit = aPermit({ after: aDuration('PT5M'), reason: 'INC-4711' })
  const started = startOperation(permit, id, START_EPOCH_MS)
  const sent = { attempts: 2, ambiguous: true, arm: { status: 500, requestId: 'r', correlationId: 'c' } }
  const scheduled = { operationId: id, dueEpochMs: START_EPOCH_MS }
  const members = [
    advance(started, { to: 'joined', scheduled }, START_EPOCH_MS),
    advance(started, { to: 'failed', error: { code: 'C', message: 'm' }, sent }, START_EPOCH_MS),
  ].map(toShown)
  const counted = { ...members[0], joinedCount: 2 }
  for (const operation of members) for (const name of schema.required) assert.ok(Object.hasOwn(operation, name), name)
  assert.deepEqual(
    // Verdicts are not written yet.
    [...new Set(['effect', ...[...members, counted].flatMap((operation) => Object.keys(operation))])].toSorted(),
    Object.keys(schema.properties).toSorted(),
  )
})

test('lists the versions that are configured, and which is taken without one', () => {
  const version = reconnect.parameters.find(({ name }) => name === 'api-version')
  assert.deepEqual(
    [version?.schema.enum, version?.schema.default, version?.required],
    [VERSIONS.supported, VERSIONS.fallback, undefined],
  )
})
