import { isReserved } from './host-paths.ts'
import { AppLoadError } from './load-app.ts'
import { matchRoute, parseRouteTemplate, type RouteTemplate } from './route-template.ts'
import type { RegisteredFunction } from './worker.ts'

export interface HttpRoute {
  readonly function: RegisteredFunction
  readonly template: RouteTemplate
  readonly methods: readonly string[]
}

export interface RouteMatch {
  readonly route: HttpRoute
  readonly params: Readonly<Record<string, string>>
}

/** Which paths and methods lead to which function. Where several match, the order of function names decides, not how specific they are. */
export function createHttpRoutes(functions: Iterable<RegisteredFunction>, routePrefix: string): readonly HttpRoute[] {
  const routes: HttpRoute[] = []
  for (const registered of functions) {
    const trigger = Object.values(registered.metadata.bindings).find(
      ({ type }) => type?.toLowerCase() === 'httptrigger',
    )
    if (trigger !== undefined) routes.push(toRoute(registered, trigger, routePrefix))
  }
  return routes.toSorted((left, right) => (left.function.metadata.name < right.function.metadata.name ? -1 : 1))
}

export function findRoute(routes: readonly HttpRoute[], method: string, path: string): RouteMatch | undefined {
  if (isReserved(path)) return undefined
  for (const route of routes) {
    const params = route.methods.includes(method) ? matchRoute(route.template, path) : undefined
    if (params !== undefined) return { route, params }
  }
  return undefined
}

function toRoute(
  registered: RegisteredFunction,
  trigger: Readonly<Record<string, unknown>>,
  routePrefix: string,
): HttpRoute {
  const { name } = registered.metadata
  if (trigger['authLevel'] !== 'anonymous') {
    throw new AppLoadError(
      `Function "${name}" has authLevel "${String(trigger['authLevel'])}": this host keeps no keys and serves "anonymous" only.`,
    )
  }
  const route = (trigger['route'] as string | undefined) ?? name
  const template = parseRouteTemplate([routePrefix, route].filter((part) => part !== '').join('/'))
  if (isReserved(`/${template.text}`))
    throw new AppLoadError(`Function "${name}": route "${template.text}" lies below a path that the host reserves.`)
  return {
    function: registered,
    template,
    methods: (trigger['methods'] as string[]).map((method) => method.toUpperCase()),
  }
}
