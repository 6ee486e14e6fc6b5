/** Judges real answers by the OpenAPI description that the app itself gives. */
import assert from 'node:assert/strict'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { call, type Answer } from '../sandbox/raw-http.ts'

type Json = { readonly [member: string]: unknown }

interface Response {
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>
}

interface Document {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >
  readonly components: { readonly schemas: Json; readonly headers: Readonly<Record<string, { readonly schema: Json }>> }
}

export interface Exchange {
  readonly method: string
  /** As it was sent, with its query. */
  readonly path: string
  readonly answer: Pick<Answer, 'status' | 'headers' | 'text' | 'json'>
}

/** Of the connection and of the host: no property of the interface. */
const TRANSPORT = new Set([
  'date',
  'connection',
  'keep-alive',
  'content-length',
  'transfer-encoding',
  'content-type',
  'server',
])

/** Formats that JSON Schema leaves to the reader, as strict as the answers are meant to be. */
const FORMATS = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/,
  duration: /^P[0-9DTHMSW.,]+$/,
  uuid: /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i,
  'uri-reference': /^(?:https?:\/\/[!-~]+)?\/[!-~]*$/,
  int32: true,
} as const

export interface DescribedAnswers {
  /** Fails where status, headers or body of the answer are not what the description says. What matches no route is the host's own. */
  check(exchange: Exchange): void
}

/** One description per app; ajv compiles each schema once. */
export function describedAnswers(document: Document): DescribedAnswers {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: FORMATS })
  ajv.addSchema({
    $id: 'document',
    components: { ...document.components, schemas: closed(document.components.schemas) },
  })
  const compiled = new Map<string, ValidateFunction>()
  const validate = (schema: Json, value: unknown, what: string): void => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"document#/')
    const judge = compiled.get(text) ?? ajv.compile(JSON.parse(text) as Json)
    compiled.set(text, judge)
    assert.ok(judge(value), `${what}: ${ajv.errorsText(judge.errors)} in ${JSON.stringify(value)}`)
  }
  const routes = Object.entries(document.paths).map(([path, methods]) => ({
    // ARM's path parameters may hold anything but a slash; fixed words match without regard to case.
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]*')}/?$`, 'i'),
    methods,
  }))

  return {
    check({ method, path, answer }) {
      const [pathname = ''] = path.split('?')
      const operation = routes.find(({ pattern }) => pattern.test(pathname))?.methods[method.toLowerCase()]
      // The Functions host answers with a 404 without a body where no route matches, and with its own words where it does not let a request in.
      const isOurs = answer.headers['x-ms-error-code'] !== undefined || answer.status < 400
      if (operation === undefined || !isOurs) return
      const what = `${method} ${pathname} ${answer.status}`
      const response = operation.responses[answer.status] ?? operation.responses['default']
      assert.ok(response, `${what}: this status is not described`)
      for (const [name, value] of Object.entries(answer.headers)) {
        if (TRANSPORT.has(name)) continue
        const header = document.components.headers[response.headers?.[name]?.$ref.split('/').at(-1) ?? '']
        assert.ok(header, `${what}: the header ${name} is not described`)
        validate(header.schema, value, `${what}, header ${name}`)
      }
      const content = response.content?.['application/json']
      if (content === undefined) assert.equal(answer.text, '', `${what}: a body is not described`)
      else validate(content.schema, answer.json(), what)
    },
  }
}

/** The same schemas, refusing members that they do not name: an answer with a member that is not described is not described. */
function closed(value: unknown): Json {
  return JSON.parse(
    JSON.stringify(value, (_, part: unknown) =>
      typeof part === 'object' && part !== null && 'properties' in part && 'type' in part
        ? { ...part, additionalProperties: false }
        : part,
    ),
  ) as Json
}

const known = new Map<string, Promise<DescribedAnswers>>()

/** The description that the app at this address gives of itself, read once. Undefined while it gives none (its settings are wrong). */
export async function descriptionOf(origin: string): Promise<DescribedAnswers | undefined> {
  const read = async (): Promise<DescribedAnswers> => {
    const answer = await call(origin, '/openapi.json')
    if (answer.status !== 200) throw new Error(`the app describes itself with ${answer.status}`)
    return describedAnswers(answer.json() as Document)
  }
  const described = known.get(origin) ?? read()
  known.set(origin, described)
  return described.catch(() => {
    known.delete(origin)
    return undefined
  })
}
