import { randomUUID } from 'node:crypto'
import { createCertificateAuthority } from '../sandbox/azure/certificates.ts'
import { API_AUDIENCE, OPERATOR_ROLE, TENANT_ID } from '../sandbox/azure/directory.ts'
import { createFaults } from '../sandbox/azure/faults.ts'
import { createIdentityEndpoint, IDENTITY_PATH } from '../sandbox/azure/identity-endpoint.ts'
import { createIssuer } from '../sandbox/azure/issuer.ts'
import { LOOPBACK, startLoopbackServer } from '../sandbox/azure/loopback-server.ts'
import { SERVICES, serviceResourceId, SUBSCRIPTION_ID, type Service } from '../sandbox/azure/resources.ts'
import { startStorage } from '../sandbox/azure/storage.ts'
import { createKeyRing } from '../sandbox/azure/signing-keys.ts'
import { createMint, mintIdentityToken } from '../sandbox/azure/tokens.ts'
import { startProgram, type Environment } from './program.ts'
import { writeInto, type Workspace } from './workspace.ts'

/** Around the app: the sandbox's token issuer and identity endpoint in this process, a minimal ARM and a storage emulator in others. */
export interface BenchAzure {
  readonly arm: string
  readonly subscriptionId: string
  /** The reconnect path of a backend that is granted to the owners of `mintTokens`; the minimal ARM has every backend. */
  pathOf(backend: string | number): string
  /** The connection string of a storage account that is not in use. Throws when all are taken. */
  freshStorage(): string
  /** The app's settings. Each run has a temporary folder of its own, so that it finds nothing of another one. */
  environment(temporaryFolder: string, storage?: string): Environment
  /** Valid tokens, each of another person. */
  mintTokens(count: number): Promise<string[]>
  /** A token as the identity endpoint issues it, for servers without an identity. */
  readonly identityToken: string
  /** Reconnects that ARM has accepted so far. */
  accepted(): Promise<number>
  stop(): Promise<void>
}

const POLICY = {
  grants: [
    {
      principal: `role:${OPERATOR_ROLE}`,
      scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`,
      actions: ['reconnect', 'read', 'force'],
    },
  ],
}
const TOKEN_LIFETIME_SECONDS = 3_600
const STORAGE_ACCOUNTS = 20
const SERVICE = serviceResourceId(SERVICES[0] as Service)
/** A closed port: the app finds at once that storage is unavailable, and tries again after five seconds. */
export const NO_STORAGE =
  'DefaultEndpointsProtocol=http;AccountName=nowhere;AccountKey=bm93aGVyZQ==;TableEndpoint=http://127.0.0.1:9/nowhere'

export async function startAzure(workspace: Workspace): Promise<BenchAzure> {
  const authority = createCertificateAuthority('APIM Reconnect benchmark CA', Date.now())
  const caFile = writeInto(workspace, 'ca.pem', authority.certificate)
  const keys = await createKeyRing(Date.now)
  const faults = createFaults()
  const secret = randomUUID()
  const arm = startProgram(workspace.pathOf('arm'), {})
  const { port } = await arm.call<{ port: number }>('start', authority.issue('benchmark ARM', [LOOPBACK]))
  const armOrigin = `https://${LOOPBACK}:${port}`
  const identity = await startLoopbackServer({
    port: 0,
    listener: createIdentityEndpoint({
      secret: () => secret,
      resources: () => [armOrigin],
      keys,
      faults,
      counts: { tokens: 0 },
      now: Date.now,
    }),
  })
  let authorityOrigin = ''
  const issuer = await startLoopbackServer({
    port: 0,
    listener: createIssuer(keys, faults, { metadata: 0, keys: 0 }, () => authorityOrigin),
  })
  authorityOrigin = `http://${LOOPBACK}:${issuer.port}`
  const storage = await startStorage({ accounts: STORAGE_ACCOUNTS })
  const accounts = [...storage.connectionStrings]
  const mint = createMint(keys, authorityOrigin, Date.now)

  return {
    arm: armOrigin,
    subscriptionId: SUBSCRIPTION_ID,
    pathOf: (backend) => `${SERVICE}/backends/${backend}/reconnect`,
    freshStorage() {
      const account = accounts.pop()
      if (account === undefined) throw new Error('all storage accounts are taken: raise STORAGE_ACCOUNTS')
      return account
    },
    environment: (temporaryFolder, connectionString = NO_STORAGE) => ({
      TMPDIR: temporaryFolder,
      FUNCTIONS_WORKER_RUNTIME: 'node',
      IDENTITY_ENDPOINT: `http://${LOOPBACK}:${identity.port}${IDENTITY_PATH}`,
      IDENTITY_HEADER: secret,
      ENTRA_TENANT_ID: TENANT_ID,
      ENTRA_AUDIENCE: API_AUDIENCE,
      ENTRA_AUTHORITY: authorityOrigin,
      ARM_ENDPOINT: armOrigin,
      AzureWebJobsStorage: connectionString,
      NODE_EXTRA_CA_CERTS: caFile,
      RECONNECT_POLICY: JSON.stringify(POLICY),
    }),
    mintTokens: (count) =>
      Promise.all(
        Array.from({ length: count }, () =>
          mint({ kind: 'operator', user: randomUUID(), expiresInSeconds: TOKEN_LIFETIME_SECONDS }),
        ),
      ),
    identityToken: mintIdentityToken(keys, armOrigin, Date.now(), false).token,
    accepted: () => arm.call<number>('accepted'),
    async stop() {
      await Promise.all([arm.stop(), identity.stop(), issuer.stop(), storage.stop()])
    },
  }
}
