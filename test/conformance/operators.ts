import assert from 'node:assert/strict'
import { SUBSCRIPTION_ID } from '../../sandbox/azure/resources.ts'
import type { SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { SANDBOX_WEBHOOKS, WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { sandboxPolicy } from '../support/sandbox-policy.ts'
import type { Conversation, Decision, Heard, ReconnectRequest } from './conversation.ts'
import { eventually } from './senders.ts'

/** Scopes of the simulated Azure, from the widest to the narrowest. */
export const SUBSCRIPTION = `/subscriptions/${SUBSCRIPTION_ID}`
export const GROUP = `${SUBSCRIPTION}/resourceGroups/rg-apim`
export const PROD = `${GROUP}/providers/Microsoft.ApiManagement/service/apim-prod`
export const DEV = `${GROUP}/providers/Microsoft.ApiManagement/service/apim-dev`
export const ORDERS = `${PROD}/backends/orders`

export interface RoleGrant {
  readonly role: string
  readonly scope: string
  readonly actions: readonly string[]
}

/** A sandbox with all webhooks of its own policy, some changed, and these grants to app roles besides. */
export function withGrants(
  grants: readonly RoleGrant[],
  webhooks: Readonly<Record<string, unknown>> = {},
): Pick<SandboxOptions, 'policy' | 'env'> {
  const policy = sandboxPolicy({
    grants: grants.map(({ role, ...grant }) => ({ principal: `role:${role}`, ...grant })),
    webhooks: { ...SANDBOX_WEBHOOKS, ...webhooks },
  })
  return { policy, env: WEBHOOK_SECRETS }
}

/** A token of an application that has this app role and nothing else. */
export async function inRole(
  { sandbox }: Conversation,
  ...roles: readonly string[]
): Promise<{ readonly token: string }> {
  return { token: await sandbox.azure.mint({ kind: 'stranger', roles }) }
}

type Ask = Omit<ReconnectRequest, 'path' | 'backend'>

/** GET, unless the request says otherwise; the description and the manners are checked of every answer. */
export function ask(room: Conversation, path: string, request: Ask = {}): Promise<Heard> {
  return room.reconnect({ method: 'GET', path, ...request })
}

/** The entries of a list. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- read from outside: the test says what it expects
export function valueOf<T = Readonly<Record<string, unknown>>>(answer: Heard): readonly T[] {
  assert.equal(answer.status, 200, answer.text)
  return (answer.json() as { value: readonly T[] }).value
}

/** Every entry, page by page. */
export async function allOf<T = Readonly<Record<string, unknown>>>(
  room: Conversation,
  path: string,
  request: Ask = {},
): Promise<readonly T[]> {
  const found: T[] = []
  for (let next: string | undefined = path, pages = 0; next !== undefined; pages += 1) {
    assert.ok(pages < 100, 'the pages do not end')
    const answer: Heard = await ask(room, next, request)
    found.push(...valueOf<T>(answer))
    next = (answer.json() as { nextLink?: string }).nextLink
  }
  return found
}

export interface PauseBody {
  readonly scope: string
  readonly webhook?: string
  readonly until?: string
  readonly reason?: string
}

/** For an hour, unless the body says otherwise. */
export function pause(room: Conversation, body: PauseBody, request: Ask = {}): Promise<Heard> {
  const until = new Date(Date.now() + 3_600_000).toISOString()
  return room.reconnect({
    method: 'POST',
    path: '/pauses',
    body: { until, reason: 'maintenance', ...body },
    ...request,
  })
}

/** Events of pauses, oldest first. */
export function pauseEvents({ sandbox }: Conversation): readonly Decision[] {
  return sandbox.logs
    .filter(({ message }) => message.startsWith('{"event":"reconnect.pause"'))
    .map(({ message }) => JSON.parse(message) as Decision)
}

/** Waits until the list is as it is waited for: lists are written in the background. */
export async function listWhen<T = Readonly<Record<string, unknown>>>(
  room: Conversation,
  path: string,
  isSo: (value: readonly T[]) => boolean,
  request: Ask = {},
): Promise<readonly T[]> {
  let value: readonly T[] = []
  await eventually(async () => isSo((value = valueOf<T>(await ask(room, path, request)))))
  return value
}
