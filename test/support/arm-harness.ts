import { after } from 'node:test'
import type { ServerIdentity } from '../../sandbox/azure/certificates.ts'
import { armScope, createArm, type Arm } from '../../src/arm/arm.ts'
import { createOwnTokens } from '../../src/managed-identity/own-tokens.ts'
import type { Forwarded } from '../../src/reconnect/ports.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { createDeadline } from '../../src/shared/deadline.ts'
import { aPermit, IDS } from './builders.ts'
import { startIdentityEndpoint } from './identity-endpoint.ts'
import { startScriptedServer, type ScriptedServer, type Step } from './scripted-server.ts'
import { createTlsAuthority, trust } from './tls-authority.ts'

/**
 * The real SDK and the real managed-identity credential, over real TLS, against servers that do what they are told. Everything ends with
 * the test file that imports this.
 */
export const authority = createTlsAuthority()
trust(authority)
// On a busy machine this takes seconds, which are not those of a request.
await import('../../src/azure-sdk.ts')
const certificate = authority.issue('ARM of the tests', ['127.0.0.1'])
export const identity = await startIdentityEndpoint()
const servers: ScriptedServer[] = []

after(async () => {
  await Promise.all([identity, ...servers].map((server) => server.close()))
})

/** A scripted ARM with its own certificate, another one, or none. */
export async function serveArm(
  script: readonly Step[],
  tls: ServerIdentity | null = certificate,
): Promise<ScriptedServer> {
  const server = await startScriptedServer(script, tls ?? undefined)
  servers.push(server)
  return server
}

export function armAt(endpoint: string): Arm {
  const loadSdk = () => import('../../src/azure-sdk.ts')
  const ownTokens = createOwnTokens(
    async () => (await loadSdk()).createManagedIdentity({ kind: 'managed-identity' }),
    systemClock,
  )
  const tokens = ownTokens.source({ kind: 'managed-identity' }, armScope({ endpoint }))
  return createArm({ endpoint }, tokens, systemClock, loadSdk, () => 0)
}

export interface ForwardOptions {
  readonly deadlineMs?: number
  readonly permit?: ReturnType<typeof aPermit>
  readonly maxAttempts?: number | undefined
}

/** One reconnect by an app that has just started, without token and connection. */
export async function forward(
  endpoint: string,
  { deadlineMs = 30_000, permit = aPermit(), maxAttempts }: ForwardOptions = {},
): Promise<Forwarded & { readonly tookMs: number }> {
  const deadline = createDeadline(systemClock, deadlineMs)
  const startedMs = performance.now()
  const forwarded = await armAt(endpoint).forward(permit, IDS, deadline, maxAttempts)
  deadline.dispose()
  return { ...forwarded, tookMs: performance.now() - startedMs }
}

export function reasonOf({ result }: Forwarded): string {
  return result.ok ? 'accepted' : result.error.reason
}
