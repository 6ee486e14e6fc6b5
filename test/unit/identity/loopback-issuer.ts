import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { issuerKey, TENANT_ID } from '../../support/token-mint.ts'

export type Answer = (response: ServerResponse) => void

/** A token issuer on a free loopback port, as Entra but for what a test makes of it. */
export interface LoopbackIssuer {
  readonly authority: string
  readonly keysAddress: string
  metadata: Readonly<Record<string, unknown>>
  keys: readonly unknown[]
  /** Takes the place of the right answer while set. */
  metadataAnswer: Answer | undefined
  keysAnswer: Answer | undefined
  metadataRequests: number
  keysRequests: number
  close(): Promise<void>
}

export async function startIssuer(): Promise<LoopbackIssuer> {
  const server = createServer((request, response) => {
    if (request.url === `/${TENANT_ID}/v2.0/.well-known/openid-configuration`) {
      issuer.metadataRequests++
      return issuer.metadataAnswer === undefined ? sendJson(response, issuer.metadata) : issuer.metadataAnswer(response)
    }
    if (request.url === `/${TENANT_ID}/discovery/v2.0/keys`) {
      issuer.keysRequests++
      return issuer.keysAnswer === undefined ? sendJson(response, { keys: issuer.keys }) : issuer.keysAnswer(response)
    }
    response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const authority = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const keysAddress = `${authority}/${TENANT_ID}/discovery/v2.0/keys`
  const issuer: LoopbackIssuer = {
    authority,
    keysAddress,
    metadata: { issuer: `${authority}/${TENANT_ID}/v2.0`, jwks_uri: keysAddress },
    keys: [issuerKey().jwk],
    metadataAnswer: undefined,
    keysAnswer: undefined,
    metadataRequests: 0,
    keysRequests: 0,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
  return issuer
}

export function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export const status =
  (code: number): Answer =>
  (response) =>
    void response.writeHead(code).end('<html>no</html>')
