import { performance } from 'node:perf_hooks'
import { API_AUDIENCE, API_CLIENT_ID, TENANT_ID } from '../../sandbox/azure/directory.ts'
import { createFaults } from '../../sandbox/azure/faults.ts'
import { createIssuer } from '../../sandbox/azure/issuer.ts'
import { LOOPBACK, startLoopbackServer } from '../../sandbox/azure/loopback-server.ts'
import { createKeyRing } from '../../sandbox/azure/signing-keys.ts'
import { createMint } from '../../sandbox/azure/tokens.ts'
import { createAuthenticator, type Authenticator } from '../../src/identity/authenticator.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { createDeadline, type Deadline } from '../../src/shared/deadline.ts'
import type { Log } from '../../src/shared/log.ts'
import type { Bench } from '../part.ts'
import { compare } from '../statistics.ts'
import type { Section } from '../table.ts'

/** One pass over cached tokens would be too short to time. */
const CACHED_PASSES = 20
const SILENT: Log = { info: () => {}, warn: () => {}, error: () => {} }

/** Microseconds to verify a token that is new to the process, and one that is cached. */
export async function measureTokenVerification({ scale }: Bench): Promise<Section> {
  const { tokenRounds, tokens: count } = scale
  const keys = await createKeyRing(Date.now)
  let authority = ''
  const issuer = await startLoopbackServer({
    port: 0,
    listener: createIssuer(keys, createFaults(), { metadata: 0, keys: 0 }, () => authority),
  })
  authority = `http://${LOOPBACK}:${issuer.port}`
  const deadline = createDeadline(systemClock, 600_000)
  try {
    const mint = createMint(keys, authority, Date.now)
    const tokens = await Promise.all(Array.from({ length: count }, () => mint({ kind: 'operator' })))
    const entra = {
      tenantId: TENANT_ID,
      audiences: [API_AUDIENCE, API_CLIENT_ID],
      authority,
      scopes: ['user_impersonation'],
    }
    const firstSeen: number[] = []
    const seenBefore: number[] = []
    for (let round = 0; round < tokenRounds; round += 1) {
      // A new authenticator has an empty cache.
      const authenticator = createAuthenticator({
        entra,
        appServiceAuthentication: false,
        clock: systemClock,
        log: SILENT,
      })
      await authenticator.keysKnown(deadline)
      firstSeen.push(await timeTokens(authenticator, tokens, 1, deadline))
      seenBefore.push(await timeTokens(authenticator, tokens, CACHED_PASSES, deadline))
    }
    return {
      title: 'Token verification',
      unit: `µs per token, ${tokenRounds} rounds of ${count} tokens`,
      rows: [{ name: 'seen before / seen for the first time', figures: compare(seenBefore, firstSeen) }],
      notes: [
        'one token after the other, RS256 with 2048 bits; a cached token mostly costs the parsing of the header and the look-up by its whole text',
      ],
    }
  } finally {
    deadline.dispose()
    await issuer.stop()
  }
}

async function timeTokens(
  { authenticate }: Authenticator,
  tokens: readonly string[],
  passes: number,
  deadline: Deadline,
): Promise<number> {
  // A new string per request, as from the host: a string whose hash is known would be found too fast.
  const headers = Array.from({ length: passes }, () =>
    tokens.map((token) => Buffer.from(`Bearer ${token}`).toString('latin1')),
  ).flat()
  const startedAt = performance.now()
  for (const authorization of headers) {
    const caller = await authenticate({ authorization, clientPrincipal: undefined }, deadline)
    if (!caller.ok) throw new Error(`a valid token was refused: ${caller.error.reason}`)
  }
  return ((performance.now() - startedAt) * 1_000) / headers.length
}
