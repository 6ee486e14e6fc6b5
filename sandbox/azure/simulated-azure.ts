import { randomUUID } from 'node:crypto'
import { createArm } from './arm.ts'
import { createArmJournal, type ArmJournal } from './arm-journal.ts'
import { createCertificateAuthority, type ServerIdentity } from './certificates.ts'
import { createControl } from './control.ts'
import { createFaults, type Faults } from './faults.ts'
import { createIdentityEndpoint, IDENTITY_PATH, type IdentityCounts } from './identity-endpoint.ts'
import { createIssuer, type IssuerCounts } from './issuer.ts'
import { LOOPBACK, startLoopbackServer, type LoopbackServer } from './loopback-server.ts'
import { createKeyRing, type KeyRing } from './signing-keys.ts'
import { createSignIn } from './sign-in.ts'
import { createMint, type Mint } from './tokens.ts'

export interface SimulatedAzureOptions {
  /** 0, the default, for a free one. */
  readonly ports?: {
    readonly arm?: number
    readonly identity?: number
    readonly issuer?: number
    readonly control?: number
  }
  readonly now?: () => number
}

/** The parts of Azure that the function app talks to, in this process, on the loopback address. */
export interface SimulatedAzure {
  /** Origins. */
  readonly arm: string
  readonly issuer: string
  readonly control: string
  readonly identityEndpoint: string
  readonly identityHeader: string
  /** PEM of the authority behind ARM's certificate. */
  readonly caCertificate: string
  /** A certificate of that authority for the loopback names, for the function app's TLS front end. */
  readonly frontEnd: ServerIdentity
  /** The same for storage, where the app reaches it with its identity. */
  readonly storageServer: ServerIdentity
  readonly faults: Faults
  readonly journal: ArmJournal
  readonly keys: KeyRing
  readonly mint: Mint
  readonly issuerCounts: IssuerCounts
  readonly identityCounts: IdentityCounts
  /** One more backend of a service that exists. */
  addBackend(resourceId: string): void
  stop(): Promise<void>
}

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1']

export async function startSimulatedAzure({
  ports = {},
  now = Date.now,
}: SimulatedAzureOptions = {}): Promise<SimulatedAzure> {
  const authority = createCertificateAuthority('APIM Reconnect sandbox CA', now())
  const impostor = createCertificateAuthority('Someone else', now())
  const keys = await createKeyRing(now)
  const faults = createFaults()
  const journal = createArmJournal()
  const issuerCounts: IssuerCounts = { metadata: 0, keys: 0 }
  const identityCounts: IdentityCounts = { tokens: 0 }
  const identityHeader = randomUUID()
  const added = new Set<string>()
  const servers: LoopbackServer[] = []
  let arm = ''
  let issuerOrigin = ''

  async function start(options: Parameters<typeof startLoopbackServer>[0]): Promise<LoopbackServer> {
    const server = await startLoopbackServer(options)
    servers.push(server)
    return server
  }

  async function stop(): Promise<void> {
    await Promise.all(servers.map((server) => server.stop()))
  }

  try {
    const armServer = await start({
      port: ports.arm ?? 0,
      listener: createArm({
        keys,
        now,
        faults,
        journal,
        hasBackend: (resourceId) => added.has(resourceId.toLowerCase()),
        origin: () => arm,
        audiences: () => [arm, arm.replace(LOOPBACK, 'localhost')],
      }),
      tls: authority.issue('sandbox ARM', LOOPBACK_NAMES),
      wrongTls: impostor.issue('sandbox ARM', LOOPBACK_NAMES),
      connectionFault: () => faults.takeForConnection('arm'),
    })
    arm = `https://${LOOPBACK}:${armServer.port}`
    const identity = await start({
      port: ports.identity ?? 0,
      listener: createIdentityEndpoint({
        secret: () => identityHeader,
        resources: () => [arm, arm.replace(LOOPBACK, 'localhost'), 'https://storage.azure.com'],
        keys,
        faults,
        counts: identityCounts,
        now,
      }),
      connectionFault: () => faults.takeForConnection('identity'),
    })
    const issuer = await start({
      port: ports.issuer ?? 0,
      listener: createIssuer(
        keys,
        faults,
        issuerCounts,
        () => issuerOrigin,
        createSignIn(() => mint, now),
      ),
      connectionFault: () => faults.takeForConnection('issuer'),
    })
    issuerOrigin = `http://${LOOPBACK}:${issuer.port}`
    const mint = createMint(keys, issuerOrigin, now)
    const control = await start({
      port: ports.control ?? 0,
      listener: createControl({ journal, faults, keys, mint, issuerCounts, identityCounts }),
    })
    const byTarget = { arm: armServer, identity, issuer }
    faults.onConnectionFault((target) => byTarget[target].dropIdleConnections())

    return {
      arm,
      issuer: issuerOrigin,
      control: `http://${LOOPBACK}:${control.port}`,
      identityEndpoint: `http://${LOOPBACK}:${identity.port}${IDENTITY_PATH}`,
      identityHeader,
      caCertificate: authority.certificate,
      frontEnd: authority.issue('sandbox function app', LOOPBACK_NAMES),
      storageServer: authority.issue('sandbox storage', LOOPBACK_NAMES),
      faults,
      journal,
      keys,
      mint,
      issuerCounts,
      identityCounts,
      addBackend: (resourceId) => void added.add(resourceId.toLowerCase()),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}
