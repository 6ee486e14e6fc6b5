import { randomUUID } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { systemClock } from '../../src/shared/clock.ts'
import { startScriptedServer, type Step } from './scripted-server.ts'

/** An App Service identity endpoint (protocol 2019-08-01), so that tests use the real `ManagedIdentityCredential`. */
export interface IdentityEndpoint {
  /** Number of requests. */
  readonly asked: () => number
  /** From now on requests are not answered. */
  hang(): void
  /** Answers waiting requests with an error that the credential does not retry, and later ones normally. */
  release(): void
  close(): Promise<void>
}

/** Starts one and sets this process's environment, as the platform does. */
export async function startIdentityEndpoint(): Promise<IdentityEndpoint> {
  const waiting: ServerResponse[] = []
  let hanging = false
  const secret = randomUUID()
  const step: Step = (response, request) => {
    if (request.headers['x-identity-header'] !== secret) return void response.writeHead(401).end()
    if (hanging) return void waiting.push(response)
    const expiresOn = Math.floor(systemClock.now() / 1000) + 3_600
    const token = {
      access_token: `token-${randomUUID()}`,
      expires_on: String(expiresOn),
      // As asked for: otherwise a client's own cache would not find it again.
      resource: new URL(request.url ?? '/', 'http://localhost').searchParams.get('resource'),
      token_type: 'Bearer',
      client_id: randomUUID(),
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(token))
  }
  const server = await startScriptedServer(Array.from({ length: 1_000 }, () => step))
  process.env['IDENTITY_ENDPOINT'] = `${server.origin}/msi/token`
  process.env['IDENTITY_HEADER'] = secret
  return {
    asked: () => server.received.length,
    hang: () => (hanging = true),
    release() {
      hanging = false
      for (const response of waiting.splice(0))
        response.writeHead(400, { 'content-type': 'application/json' }).end('{"statusCode":400,"message":"released"}')
    },
    close: () => server.close(),
  }
}
