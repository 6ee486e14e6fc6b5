/** A parsed route template of an HTTP trigger, as ASP.NET Core's TemplateMatcher reads it. */
export interface RouteTemplate {
  readonly text: string
  readonly segments: readonly RouteSegment[]
}

type RouteSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string; readonly optional: boolean }
  | { readonly kind: 'catch-all'; readonly name: string }

/**
 * Parses literals, `{name}`, `{name?}` and, at the end, `{*name}`. Constraints, defaults and segments of several parts, which the
 * real host also knows, are refused rather than matched differently.
 */
export function parseRouteTemplate(text: string): RouteTemplate {
  const parts = text === '' ? [] : text.split('/')
  const segments = parts.map((part, index): RouteSegment => {
    const isLast = index === parts.length - 1
    const [, star, name, optional] = /^\{(\*{0,2})([A-Za-z_][A-Za-z0-9_]*)(\??)\}$/.exec(part) ?? []
    if (name === undefined) {
      if (part === '' || /[{}?*]/.test(part))
        throw new Error(`route "${text}": segment "${part}" is not supported by this host`)
      return { kind: 'literal', text: foldAscii(part) }
    }
    if ((star !== '' || optional !== '') && !isLast)
      throw new Error(`route "${text}": {${star}${name}${optional}} must be the last segment`)
    return star === '' ? { kind: 'parameter', name, optional: optional !== '' } : { kind: 'catch-all', name }
  })
  return { text, segments }
}

/**
 * The values of the parameters, or undefined where the path does not match. Literals match without regard to case; one slash at
 * the end does not count; an empty segment fills no parameter.
 */
export function matchRoute(template: RouteTemplate, path: string): Record<string, string> | undefined {
  const given = path === '/' ? [] : path.slice(1, path.endsWith('/') ? -1 : undefined).split('/')
  const params: Record<string, string> = {}
  for (const [index, segment] of template.segments.entries()) {
    if (segment.kind === 'catch-all') {
      const rest = given.slice(index).join('/')
      if (rest !== '') params[segment.name] = rest
      return params
    }
    const text = given[index]
    if (segment.kind === 'literal') {
      if (text === undefined || foldAscii(text) !== segment.text) return undefined
    } else if (text !== undefined && text !== '') {
      params[segment.name] = text
    } else if (!segment.optional) {
      return undefined
    }
  }
  return given.length > template.segments.length ? undefined : params
}

/** .NET's ordinal comparison folds no letter of another script onto an ASCII one; JavaScript's `toLowerCase` does. */
function foldAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
