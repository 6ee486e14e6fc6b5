/** What the operator is told about messages that no function can read: examples/unreadable-messages.kql and docs/storage.md. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { QueueServiceClient } from '@azure/storage-queue'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { storageAccount } from '../conformance/places.ts'
import { startSandbox } from '../support/start-sandbox.ts'

const read = (path: string): Promise<string> => readFile(join(PROJECT_ROOT, path), 'utf8')

it('the query finds the warning about a message that is not Base64, with its id', async (t) => {
  const storage = await storageAccount(t)
  const sandbox = await startSandbox(t, { appRoot: fileURLToPath(new URL('queue-app', import.meta.url)), storage })
  const work = QueueServiceClient.fromConnectionString(storage).getQueueClient('work')
  await work.createIfNotExists()
  const { messageId } = await work.sendMessage('no Base64 at all')

  const query = await read('examples/unreadable-messages.kql')
  const [, start = ''] = /\| where Text startswith "([^"]+)"/.exec(query) ?? []
  const [, pattern = ''] = /extract\(@"([^"]+)", 1, Text\)/.exec(query) ?? []
  assert.ok(start !== '' && pattern !== '')
  const found = () => sandbox.logs.filter(({ message }) => message.startsWith(start))
  for (let turn = 0; found().length === 0 && turn < 3_000; turn += 1) await delay(10)
  assert.equal(new RegExp(pattern).exec(found()[0]?.message ?? '')?.[1], messageId)
})

it('docs/storage.md names the query, and the poison queue in its command', async () => {
  const [, section = ''] = (await read('docs/storage.md')).split('### Messages that no function can read\n')
  assert.ok(section.includes('examples/unreadable-messages.kql'))
  assert.match(section, /az storage message peek --queue-name reconnects-poison /)
})
