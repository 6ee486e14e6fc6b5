import type { RequestListener } from 'node:http'
import type { ArmJournal } from './arm-journal.ts'
import { FaultError, type Fault, type Faults, type FaultTarget } from './faults.ts'
import { listener, readText, sendJson } from './http-helpers.ts'
import type { IdentityCounts } from './identity-endpoint.ts'
import type { IssuerCounts } from './issuer.ts'
import type { KeyRing } from './signing-keys.ts'
import { TOKEN_KINDS, type Mint, type TokenRequest } from './tokens.ts'

export interface ControlOptions {
  readonly journal: ArmJournal
  readonly faults: Faults
  readonly keys: KeyRing
  readonly mint: Mint
  readonly issuerCounts: IssuerCounts
  readonly identityCounts: IdentityCounts
}

/** The switchboard over HTTP, for tests and for curl. Requests and answers are described in sandbox/README.md. */
export function createControl(options: ControlOptions): RequestListener {
  const { journal, faults, keys, mint } = options
  const routes: Readonly<Record<string, (body: unknown, query: URLSearchParams) => unknown>> = {
    'GET /requests': () => ({ value: journal.requests(), effects: journal.effects() }),
    'DELETE /requests': () => journal.clear(),
    'GET /faults': () => ({ value: faults.list() }),
    'PUT /faults': (body) => {
      faults.set(Array.isArray(body) ? (body as Fault[]) : [body as Fault])
      return { value: faults.list() }
    },
    'POST /faults': (body) => {
      faults.add(body as Fault)
      return { value: faults.list() }
    },
    'DELETE /faults': (_, query) => faults.clear((query.get('target') as FaultTarget | null) ?? undefined),
    'POST /issuer/rotate': async (body) => {
      const { kid } = await keys.rotate({
        retireOld: (body as { retireOld?: boolean } | undefined)?.retireOld === true,
      })
      return { kid, published: keys.published().map((key) => key.kid) }
    },
    'POST /tokens': async (body) => {
      const request = body as TokenRequest | undefined
      if (request === undefined || !TOKEN_KINDS.includes(request.kind))
        throw new FaultError(`kind is one of ${TOKEN_KINDS.join(', ')}`)
      return { token: await mint(request) }
    },
    'GET /state': () => ({
      arm: journal.counts(),
      identity: options.identityCounts,
      issuer: { ...options.issuerCounts, published: keys.published().map((key) => key.kid) },
      faults: faults.list(),
    }),
  }

  return listener(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const route = `${request.method} ${url.pathname}`
    const handle = Object.hasOwn(routes, route) ? routes[route] : undefined
    if (handle === undefined) return sendJson(response, 404, { error: `there is ${Object.keys(routes).join(', ')}` })
    try {
      const text = await readText(request)
      const result = await handle(text === '' ? undefined : (JSON.parse(text) as unknown), url.searchParams)
      if (result === undefined) response.writeHead(204).end()
      else sendJson(response, 200, result)
    } catch (error) {
      if (!(error instanceof FaultError || error instanceof SyntaxError)) throw error
      sendJson(response, 400, { error: error.message })
    }
  })
}
