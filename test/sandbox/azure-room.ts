import { after, before, beforeEach } from 'node:test'
import { TENANT_ID } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS } from '../../sandbox/azure/resources.ts'
import { startSimulatedAzure, type SimulatedAzure } from '../../sandbox/azure/simulated-azure.ts'
import { call, type Answer } from './raw-http.ts'

/** One simulated Azure for the tests of a file, without faults and with an empty journal before each test. */
export interface AzureRoom {
  azure: SimulatedAzure
  /** Of the managed identity, for ARM. */
  token: string
  /** Its clock. */
  nowEpochMs: number
  askIdentity(signal?: AbortSignal): Promise<Answer>
  askIssuer(signal?: AbortSignal): Promise<Answer>
  /** The first backend by default. */
  reconnect(backend?: string, signal?: AbortSignal): Promise<Answer>
  /** Reconnects that took effect. */
  effects(): number
}

/** Registers the hooks that start and stop it. Its members may be used inside tests only. */
export function azureRoom(): AzureRoom {
  const room: AzureRoom = {
    azure: undefined as unknown as SimulatedAzure,
    token: '',
    nowEpochMs: Date.now(),
    askIdentity: (signal) =>
      call(
        new URL(room.azure.identityEndpoint).origin,
        `/MSI/token?resource=${encodeURIComponent(room.azure.arm)}&api-version=2019-08-01`,
        { headers: { 'x-identity-header': room.azure.identityHeader }, ...(signal !== undefined && { signal }) },
      ),
    askIssuer: (signal) =>
      call(room.azure.issuer, `/${TENANT_ID}/discovery/v2.0/keys`, signal === undefined ? {} : { signal }),
    reconnect: (backend = RECONNECTABLE_BACKENDS[0], signal) =>
      call(room.azure.arm, `${backend}/reconnect?api-version=2024-05-01`, {
        method: 'POST',
        ca: room.azure.caCertificate,
        headers: { authorization: `Bearer ${room.token}` },
        ...(signal !== undefined && { signal }),
      }),
    effects: () => room.azure.journal.counts().tookEffect,
  }
  before(async () => {
    room.azure = await startSimulatedAzure({ now: () => room.nowEpochMs })
    room.token = (await room.askIdentity()).json().access_token as string
  })
  after(() => room.azure.stop())
  beforeEach(() => {
    room.azure.faults.clear()
    room.azure.journal.clear()
  })
  return room
}
