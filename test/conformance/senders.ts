import { createHmac, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import assert from 'node:assert/strict'
import { QueueServiceClient, type QueueClient } from '@azure/storage-queue'
import { ACTION_GROUP_TOKEN } from '../../sandbox/azure/directory.ts'
import { ALERT_PAYLOADS } from '../../sandbox/azure/alert-payloads.ts'
import { signAlert } from '../../sandbox/sign-alert.ts'
import type { SandboxWebhook } from '../../sandbox/webhooks.ts'
import { call, type Answer } from '../sandbox/raw-http.ts'
import { assertDescribed, assertManners, type Conversation, type Decision } from './conversation.ts'

/** What a sender posts, and what is changed about it. */
export interface Post {
  readonly webhook?: string
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly body?: string | Buffer
  readonly query?: string
  readonly method?: string
  /** Another process of the app. */
  readonly port?: number
}

export interface AlertAnswer {
  readonly backend: string | null
  readonly outcome: string
  readonly operation?: string
  readonly reason?: string
}

export interface Posted extends Answer {
  readonly correlationId: string
  readonly tookMs: number
  readonly alerts: readonly AlertAnswer[]
}

const JSON_TYPE = 'application/json'

/** Posts a body to a webhook, unchanged. */
export async function post(
  { sandbox }: Conversation,
  webhook: string,
  { headers = {}, body = '', query = '', method = 'POST', port }: Post = {},
): Promise<Posted> {
  const correlationId = randomUUID()
  const from = performance.now()
  const sent = Object.entries({
    'content-type': JSON_TYPE,
    'x-ms-correlation-request-id': correlationId,
    ...headers,
  }).filter(([, value]) => value !== undefined)
  const origin = port === undefined ? sandbox.info.proxy : `http://127.0.0.1:${port}`
  const path = `/alerts/${webhook}${query}`
  const answer = await call(origin, path, { method, headers: Object.fromEntries(sent), body })
  const tookMs = performance.now() - from
  assertManners(answer)
  await assertDescribed(origin, method, path, answer)
  const alerts = /^\{.*"alerts":/.test(answer.text) ? (answer.json() as { alerts: AlertAnswer[] }).alerts : []
  return { ...answer, correlationId, tookMs, alerts }
}

/** Posts an alert about a backend as that sender of the sandbox's own policy does, signed. */
export async function alert(
  room: Conversation,
  webhook: SandboxWebhook,
  backend: string,
  { firing = true, ...change }: Post & { readonly firing?: boolean } = {},
): Promise<Posted> {
  const now = Date.now()
  const body = change.body ?? JSON.stringify(ALERT_PAYLOADS[webhook]({ backend, firing, nowEpochMs: now }))
  const { headers, query } = signAlert(
    webhook,
    String(body),
    now,
    room.sandbox.info.webhookSecrets,
    await actionGroup(room),
  )
  return post(room, change.webhook ?? webhook, {
    ...change,
    headers: { ...headers, ...change.headers },
    query: change.query ?? query,
    body,
  })
}

const minted = new WeakMap<Conversation['sandbox'], Promise<string>>()
/** An action group's token, minted once for each sandbox. */
export function actionGroup({ sandbox }: Conversation): Promise<string> {
  const token = minted.get(sandbox) ?? sandbox.azure.mint(ACTION_GROUP_TOKEN)
  minted.set(sandbox, token)
  return token
}

/** Alertmanager's payload about these backends, by the labels of the sandbox's policy. */
export function groupOf(backends: readonly string[], change: object = {}): string {
  return JSON.stringify({
    version: '4',
    status: 'firing',
    alerts: backends.map((backend) => {
      const [, , , , , , , , service = '', , id = ''] = backend.split('/')
      return {
        status: 'firing',
        labels: { alertname: 'A', apim_service: service, backend_id: id },
        annotations: {},
        startsAt: '2026-01-01T00:00:00Z',
        fingerprint: randomUUID(),
        ...change,
      }
    }),
  })
}

export interface ShownOperation {
  readonly id: string
  readonly state: string
  readonly [member: string]: unknown
}

/** The operation as the API shows it, once it is as the test expects. */
export async function operationWhen(
  room: Conversation,
  id: string | undefined,
  isSo: (operation: ShownOperation) => boolean,
  patienceMs = 60_000,
): Promise<ShownOperation> {
  let last = 'nothing'
  for (let waitedMs = 0; waitedMs <= patienceMs; waitedMs += 25) {
    const answer = await room.get(`/operations/${id}`, { authorization: `Bearer ${room.sandbox.info.tokens.operator}` })
    last = answer.text
    if (answer.status === 200 || answer.status === 202) {
      const operation = answer.json() as ShownOperation
      if (isSo(operation)) return operation
    }
    await delay(25)
  }
  return assert.fail(`the operation ${id} has not become what was waited for: ${last}`)
}

export const isFinal = ({ state }: ShownOperation): boolean => state !== 'accepted'

/** The audit events of one request or delivery chain: several alerts share a correlation id. */
export async function eventsOf(
  room: Conversation,
  { correlationId }: { readonly correlationId: string },
  count = 1,
): Promise<readonly Decision[]> {
  for (let waitedMs = 0; ; waitedMs += 10) {
    const events = room.decisions().filter((event) => event['correlationId'] === correlationId)
    if (events.length >= count) return events
    assert.ok(waitedMs < 30_000, `${events.length} events of ${count}`)
    await delay(10)
  }
}

export async function eventually(isSo: () => boolean | Promise<boolean>, patienceMs = 60_000): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += 25) {
    assert.ok(waitedMs < patienceMs, 'it has not come about')
    await delay(25)
  }
}

/** The queue, as a client with access to the storage account sees it. */
export function queueOf({ sandbox }: Conversation, name = 'reconnects'): QueueClient {
  return QueueServiceClient.fromConnectionString(sandbox.info.storage).getQueueClient(name)
}

export const hmac = (secret: string, bytes: string | Buffer): string =>
  createHmac('sha256', secret).update(bytes).digest('hex')
