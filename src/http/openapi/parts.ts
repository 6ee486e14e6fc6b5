/** Pieces of an OpenAPI document. Plain objects: the tests validate the whole against the specification. */
export type Json = Readonly<Record<string, unknown>>

export const TEXT = { type: 'string' } as const
export const TIME = { type: 'string', format: 'date-time' } as const
export const COUNT = { type: 'integer', format: 'int32', minimum: 0 } as const

/** A duration as JSON Schema names it: ISO 8601, without weeks or months for `after` of at most a day. */
export const DURATION = { type: 'string', format: 'duration' } as const

export function schemaRef(name: string): { readonly $ref: string } {
  return { $ref: `#/components/schemas/${name}` }
}

export function headerRefs(...names: readonly string[]): Json {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

export function parameterRef(name: string): { readonly $ref: string } {
  return { $ref: `#/components/parameters/${name}` }
}

export function jsonOf(schema: Json, example?: unknown): Json {
  return { 'application/json': { schema, ...(example === undefined ? {} : { example }) } }
}

export function object(required: readonly string[], properties: Json, more: Json = {}): Json {
  return { type: 'object', ...(required.length === 0 ? {} : { required }), properties, ...more }
}

/** One page of a list. */
export function pageOf(items: Json): Json {
  return object(['value'], {
    value: { type: 'array', items },
    nextLink: {
      type: 'string',
      format: 'uri-reference',
      description:
        'Where the next page is. Absent on the last page. A page may be short, or empty, and still have one.',
    },
  })
}
