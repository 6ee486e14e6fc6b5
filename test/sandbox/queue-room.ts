import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { QueueServiceClient } from '@azure/storage-queue'
import type { SandboxOptions } from '../../sandbox/create-sandbox.ts'
import { storageAccount } from '../conformance/places.ts'
import { startSandbox } from '../support/start-sandbox.ts'

export const QUEUE_APP = fileURLToPath(new URL('queue-app', import.meta.url))
export const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64')

export type Line = Readonly<Record<string, unknown>>

/** A sandbox with the queue app, and what a test asks about it. */
export async function queueRoom(t: TestContext, options: SandboxOptions = {}) {
  const storage = options.storage ?? (await storageAccount(t))
  const queues = QueueServiceClient.fromConnectionString(storage)
  const sandbox = await startSandbox(t, { appRoot: QUEUE_APP, ...options, storage })
  const lines = (): readonly Line[] =>
    sandbox.logs
      .filter(({ category, message }) => category === 'user' && message.startsWith('{'))
      .map(({ message }) => JSON.parse(message) as Line)
  async function line(isIt: (line: Line) => boolean, patienceMs = 30_000): Promise<Line> {
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 10) {
      const found = lines().find(isIt)
      if (found !== undefined) return found
      await delay(10)
    }
    return assert.fail(`it was not logged: ${JSON.stringify(sandbox.logs.slice(-5))}`)
  }
  const work = queues.getQueueClient('work')
  return {
    sandbox,
    queues,
    work,
    lines,
    line,
    async send(value: unknown): Promise<void> {
      await work.createIfNotExists()
      await work.sendMessage(encode(value))
    },
    async left(name = 'work'): Promise<number> {
      return (await queues.getQueueClient(name).getProperties()).approximateMessagesCount ?? 0
    },
  }
}

/** Bounded by turns of 20 ms. */
export async function eventually(isSo: () => Promise<boolean> | boolean, patienceMs = 30_000): Promise<void> {
  for (let waitedMs = 0; !(await isSo()); waitedMs += 20) {
    assert.ok(waitedMs < patienceMs, 'it did not happen')
    await delay(20)
  }
}

export const withId = (id: string) => (line: Line) => (line['message'] as { key?: string } | undefined)?.key === id
