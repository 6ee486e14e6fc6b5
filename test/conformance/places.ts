import assert from 'node:assert/strict'
import { claimStorage } from '../support/storage.ts'
import { startStorage } from '../../sandbox/azure/storage.ts'
import type { SandboxOptions } from '../../sandbox/create-sandbox.ts'
import type { Scope } from '../support/start-sandbox.ts'
import { startConversation, type Conversation, type Heard } from './conversation.ts'

/** A backend that was not asked for before, and the app to ask. */
export interface Place {
  readonly room: Conversation
  readonly backend: string
  /** How often ARM was asked to reconnect it. */
  asked(): number
}

/** One after the other; the simulation has few backends, so that an app (with a storage account of its own) is started for every handful. */
export function createPlaces(scope: Scope, options: SandboxOptions = {}): () => Promise<Place> {
  let starting: Promise<Place[]> = Promise.resolve([])
  return async () => {
    starting = starting.then(async (left) =>
      left.length > 0 ? left : placesOf(await startConversation(scope, options)),
    )
    const left = await starting
    return left.shift() ?? assert.fail('no place is left')
  }
}

/** The one with every unusual character stands percent-encoded in ARM's journal, and is left out. */
function placesOf(room: Conversation): Place[] {
  return room.sandbox.info.backends
    .filter((backend) => encodeURI(backend) === backend)
    .map((backend) => ({ room, backend, asked: () => room.armReceived(backend).length }))
}

/** Two instances of the app, each with a simulated Azure of its own, on one storage account. */
export async function startTwo(
  scope: Scope,
  options: SandboxOptions = {},
  others: SandboxOptions = options,
): Promise<readonly [Conversation, Conversation]> {
  const storage = await storageAccount(scope)
  return Promise.all([
    startConversation(scope, { ...options, storage }),
    startConversation(scope, { ...others, storage }),
  ])
}

/** The connection string of an account that no other test uses. */
export async function storageAccount(scope: Scope): Promise<string> {
  const claimed = claimStorage()
  if (claimed !== undefined) return claimed
  const own = await startStorage()
  scope.after(() => own.stop())
  return own.connectionStrings[0] as string
}

export interface Told {
  readonly outcome: string
  readonly operation: string
  readonly due: string
}

/** What a 202 says of the ledger. */
export function told(answer: Heard): Told {
  assert.deepEqual([answer.status, answer.text], [202, ''], answer.text)
  const header = (name: string): string => String(answer.headers[name])
  return {
    outcome: header('x-reconnect-outcome'),
    operation: header('x-reconnect-operation'),
    due: header('x-reconnect-due'),
  }
}

export function outcomesOf(answers: readonly Heard[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const { status, headers } of answers) {
    const name = String(headers['x-reconnect-outcome'] ?? status)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

export const AFTER = (after: string) => ({ body: { properties: { after } } })
export const FORCE = { headers: { 'x-reconnect-force': 'true' } }
export const DRY_RUN = { headers: { 'x-reconnect-dry-run': 'true' } }
/** 16 bytes that cannot be guessed are in it: 51 characters of base64url. */
export const OPERATION_ID = /^[A-Za-z0-9_-]{51}$/
