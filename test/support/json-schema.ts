type Schema = Readonly<Record<string, unknown>>

/**
 * Judges a value by a JSON schema as far as the generated document uses the language. A keyword that is not known here is an error, so
 * that the judgement is never laxer than the schema.
 */
export function conforms(value: unknown, schema: Schema): boolean {
  return Object.entries(schema).every(([keyword, expected]) => {
    switch (keyword) {
      case 'type':
        return [expected].flat().some((type) => isOfType(value, type as string))
      case 'anyOf':
        return (expected as Schema[]).some((option) => conforms(value, option))
      case 'properties':
        return (
          !isObject(value) ||
          Object.entries(expected as Record<string, Schema>).every(
            ([name, inner]) => !Object.hasOwn(value, name) || conforms(value[name], inner),
          )
        )
      case 'required':
        return !isObject(value) || (expected as string[]).every((name) => Object.hasOwn(value, name))
      case 'additionalProperties':
        if (typeof expected === 'object' && expected !== null && Object.keys(expected).length === 0) return true
        throw new TypeError('additionalProperties other than {} is not known here')
      case 'examples':
      case 'description':
        return true
      default:
        throw new TypeError(`the keyword ${keyword} is not known here`)
    }
  })
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'object':
      return isObject(value)
    case 'null':
      return value === null
    case 'string':
      return typeof value === 'string'
    default:
      throw new TypeError(`the type ${type} is not known here`)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
