import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { QueueServiceClient } from '@azure/storage-queue'
import type { AppProcess } from '../../sandbox/app-process.ts'
import { OPERATOR_ROLE, TOOL } from '../../sandbox/azure/directory.ts'
import { RECONNECTABLE_BACKENDS, SERVICE_PATTERN, SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import type { TokenKind } from '../../sandbox/azure/tokens.ts'
import { PROJECT_ROOT, type SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { startConversation, type Conversation, type Decision, type Heard } from '../conformance/conversation.ts'
import { storageAccount } from '../conformance/places.ts'
import { groupOf, post, type Posted, type ShownOperation } from '../conformance/senders.ts'
import { call, type Answer } from '../sandbox/raw-http.ts'
import { startFaultyStorage, type FaultyStorage } from './faulty-storage.ts'
import type { Scope } from './start-sandbox.ts'

/** The names of docs/storage.md, without a prefix. */
export const BACKENDS_TABLE = 'reconnects'
export const HISTORY_TABLE = 'reconnecthistory'
export const QUEUE = 'reconnects'
export const POISON_QUEUE = 'reconnects-poison'

/** Longer than anything here takes on a machine that is busy: what has not come about by then does not come. */
export const PATIENCE_MS = 60_000

/** The webhooks of these tests: Alertmanager's format, each with a secret of its own. */
export type Sender = 'first' | 'second' | 'patient'
const SECRETS: Readonly<Record<Sender, string>> = {
  first: 'FIRST_TOKEN',
  second: 'SECOND_TOKEN',
  patient: 'PATIENT_TOKEN',
}
const TOKENS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(SECRETS).map((name) => [name, randomUUID()]),
)

const RESOURCE_GROUP = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim`
const webhook = (sender: Sender, after: string): object => ({
  format: 'alertmanager',
  authentication: { type: 'bearer', secret: SECRETS[sender] },
  backend: `${SERVICE_PATTERN}/backends/{backend_id}`,
  after,
})

/**
 * The policy of these tests: the sandbox's operator and tool, and three webhooks. `first` and `second` want a reconnect within a second, so that a
 * test need not wait for one; `patient` wants one within ten minutes.
 */
export const POLICY = {
  grants: [
    { principal: `role:${OPERATOR_ROLE}`, scope: RESOURCE_GROUP, actions: ['reconnect', 'read', 'force'] },
    { principal: `app:${TOOL.clientId}`, scope: RECONNECTABLE_BACKENDS[0] as string },
    ...Object.keys(SECRETS).map((name) => ({ principal: `webhook:${name}`, scope: RESOURCE_GROUP })),
  ],
  webhooks: {
    first: webhook('first', 'PT1S'),
    second: webhook('second', 'PT1S'),
    patient: webhook('patient', 'PT10M'),
  },
  limits: { perBackend: { count: 100, window: 'PT1H' } },
} as const

/** An app, and its storage account with the faults between them. */
export interface Scene {
  readonly room: Conversation
  readonly storage: FaultyStorage
}

type Queues = Readonly<Record<string, unknown>>

interface SceneOptions extends SandboxOptions {
  /** Changes of `extensions.queues` of host.json. */
  readonly queues?: Queues
}

export async function startScene(scope: Scope, options: SceneOptions = {}): Promise<Scene> {
  const storage = await startFaultyStorage(scope, await storageAccount(scope))
  return { room: await joinScene(scope, storage, options), storage }
}

/** One more app, with a simulated Azure of its own, on the same storage account. */
export async function joinScene(
  scope: Scope,
  storage: FaultyStorage,
  { env, queues, ...options }: SceneOptions = {},
): Promise<Conversation> {
  return startConversation(scope, {
    policy: POLICY,
    appRoot: await appWithQueues(scope, queues),
    ...options,
    storage: storage.connectionString,
    env: { ...TOKENS, ...env },
  })
}

/** The built app under a host.json whose queues are polled without long pauses, and with what a test changes about them. */
async function appWithQueues(scope: Scope, queues: Queues = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'apim-reconnect-app-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  const entries = (await readdir(PROJECT_ROOT)).filter((name) => name !== 'host.json' && !name.startsWith('.'))
  await Promise.all(entries.map((name) => symlink(join(PROJECT_ROOT, name), join(folder, name))))
  const { extensions, ...host } = await hostJson()
  const changed = { ...extensions.queues, maxPollingInterval: '00:00:00.2', ...queues }
  await writeFile(
    join(folder, 'host.json'),
    JSON.stringify({ ...host, extensions: { ...extensions, queues: changed } }),
  )
  return folder
}

interface HostJson {
  readonly extensions: { readonly queues: Queues }
}

async function hostJson(): Promise<HostJson> {
  return JSON.parse(await readFile(join(PROJECT_ROOT, 'host.json'), 'utf8')) as HostJson
}

/** An alert about these backends. */
export function fire(
  room: Conversation,
  backends: string | readonly string[],
  { sender = 'first', at }: { readonly sender?: Sender; readonly at?: AppProcess } = {},
): Promise<Posted> {
  return post(room, sender, {
    headers: { authorization: `Bearer ${TOKENS[SECRETS[sender]]}` },
    body: groupOf([backends].flat()),
    ...(at === undefined ? {} : { port: at.port }),
  })
}

/** A request to the reconnect route of one more process of the app. */
export async function reconnectAt(
  { sandbox }: Conversation,
  { port }: AppProcess,
  backend: string,
  { as = 'operator', body }: { readonly as?: TokenKind; readonly body?: object } = {},
): Promise<Heard> {
  const correlationId = randomUUID()
  const from = performance.now()
  const answer = await call(`http://127.0.0.1:${port}`, `${backend}/reconnect`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${sandbox.info.tokens[as]}`,
      'x-ms-correlation-request-id': correlationId,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { ...answer, correlationId, tookMs: performance.now() - from }
}

/** A GET by one of the sandbox's callers. */
export function read(room: Conversation, path: string, as: TokenKind = 'operator'): Promise<Answer> {
  return room.get(path, { authorization: `Bearer ${room.sandbox.info.tokens[as]}` })
}

/** What `/operations` lists for a query; `undefined` while it cannot be read. */
export async function listed(room: Conversation, query: string): Promise<readonly ShownOperation[] | undefined> {
  const answer = await read(room, `/operations?${query}`)
  return answer.status === 200 ? (answer.json() as { value: readonly ShownOperation[] }).value : undefined
}

/** Reconnects of this backend that took effect at ARM, whatever was answered. */
export function effects({ sandbox }: Conversation, backend: string): number {
  return sandbox.azure.journal.effects().filter((effect) => effect.backend.toLowerCase() === backend.toLowerCase())
    .length
}

/** Waits until it is so; false where it has not become so for {@link PATIENCE_MS}. */
export async function becomes(isSo: () => boolean | Promise<boolean>, patienceMs = PATIENCE_MS): Promise<boolean> {
  const endAt = performance.now() + patienceMs
  while (!(await isSo())) {
    if (performance.now() > endAt) return false
    await delay(25)
  }
  return true
}

/** As `becomes`; fails with `what` where it has not become so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  if (!(await becomes(isSo))) throw new Error(`it has not come about: ${what}`)
}

/** Waits until so many reconnects of this backend took effect. */
export const effectsReach = (room: Conversation, backend: string, count: number): Promise<void> =>
  until(`${count} reconnects`, () => effects(room, backend) >= count)

/** The audit events that speak of one operation. */
export function eventsAbout(room: Conversation, operationId: string | undefined): readonly Decision[] {
  return room.decisions().filter((event) => event['operationId'] === operationId)
}

/** Messages of a queue, hidden ones included; none where the queue does not exist. */
export async function messagesIn({ direct }: FaultyStorage, name: string): Promise<number> {
  const queue = QueueServiceClient.fromConnectionString(direct).getQueueClient(name)
  const properties = await queue.getProperties().catch((fault: unknown) => {
    if ((fault as { statusCode?: unknown }).statusCode === 404) return undefined
    throw fault
  })
  return properties?.approximateMessagesCount ?? 0
}

/** Puts a message into a queue as the Functions host expects it. */
export async function putMessage({ direct }: FaultyStorage, name: string, message: object): Promise<void> {
  const queue = QueueServiceClient.fromConnectionString(direct).getQueueClient(name)
  await queue.createIfNotExists()
  await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString('base64'), { messageTimeToLive: -1 })
}
