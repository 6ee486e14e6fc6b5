/** `logging.logLevel` of host.json, as the host applies it, and what this project's host.json makes of it. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import type { LogRecord } from '../../sandbox/host/core-types.ts'
import { readHostJson } from '../../sandbox/host/host-json.ts'
import { isLogged, readLogLevels } from '../../sandbox/host/log-levels.ts'
import { storageAccount } from '../conformance/places.ts'
import { startSandbox } from '../support/start-sandbox.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'

const QUEUE_APP = fileURLToPath(new URL('queue-app', import.meta.url))

const system = (level: LogRecord['level'], logger: string): LogRecord => ({
  level,
  logger,
  category: 'system',
  message: '',
})
const user = (level: LogRecord['level'], functionName: string): LogRecord => ({
  level,
  functionName,
  category: 'user',
  message: '',
})

describe('log levels', () => {
  const levels = readLogLevels({
    default: 'Warning',
    'Azure.Core': 'Error',
    Function: 'Information',
    'function.a': 'None',
  })

  it('are those of the longest prefix, without regard to case, else the default', () => {
    for (const [record, logged] of [
      [system('warning', 'Azure.Core'), false],
      [system('error', 'azure.core.more'), true],
      [system('information', 'Host.Startup'), false],
      [system('warning', 'Azure.Storage.Queues.QueueServiceClient'), true],
      [user('information', 'b'), true],
      [user('debug', 'b'), false],
      [user('critical', 'a'), false],
      [{ level: 'debug', category: 'system', message: 'of the local host itself' }, true],
    ] as const)
      assert.equal(isLogged(levels, record), logged, JSON.stringify(record))
  })

  it('are Information where host.json has none, and refused when they are unknown', () => {
    assert.equal(isLogged(readLogLevels({}), user('information', 'f')), true)
    assert.equal(isLogged(readLogLevels({}), user('debug', 'f')), false)
    assert.throws(() => readLogLevels({ default: 'Loud' }), /logging\.logLevel\.default/)
  })
})

describe('polls of a queue that does not exist', () => {
  it('are one Azure.Core warning each', async (t) => {
    const { polls, warnings } = await pollMissingQueues(t, QUEUE_APP)
    assert.ok(warnings >= polls - 2 && warnings > 0, `${warnings} warnings, ${polls} polls`)
  })

  it('are no line with the log levels of this project', async (t) => {
    const appRoot = await mkdtemp(join(tmpdir(), 'queue-app-'))
    t.after(() => rm(appRoot, { recursive: true }))
    await cp(QUEUE_APP, appRoot, { recursive: true })
    await symlink(join(PROJECT_ROOT, 'node_modules'), join(appRoot, 'node_modules'))
    const { logging } = JSON.parse(await readFile(join(PROJECT_ROOT, 'host.json'), 'utf8')) as { logging: unknown }
    const host = JSON.parse(await readFile(join(QUEUE_APP, 'host.json'), 'utf8')) as object
    await writeFile(join(appRoot, 'host.json'), JSON.stringify({ ...host, logging }))
    const { polls, warnings } = await pollMissingQueues(t, appRoot)
    assert.ok(polls >= 6)
    assert.equal(warnings, 0)
  })

  it('are still errors when storage answers with an error', async () => {
    const { logLevels } = await readHostJson(PROJECT_ROOT)
    assert.deepEqual(
      [isLogged(logLevels, system('error', 'Azure.Core')), isLogged(logLevels, system('warning', 'Azure.Core'))],
      [true, false],
    )
  })
})

/** Counted at the storage's door: how often the app polled, and what it logged about that. */
async function pollMissingQueues(t: TestContext, appRoot: string): Promise<{ polls: number; warnings: number }> {
  const proxy = await startStorageProxy(await storageAccount(t), 'Queue')
  t.after(() => proxy.stop())
  const sandbox = await startSandbox(t, { appRoot, storage: proxy.connectionString })
  for (let turn = 0; proxy.calls() < 8 && turn < 3_000; turn += 1) await delay(20)
  const polls = proxy.calls()
  await delay(100)
  return { polls, warnings: sandbox.logs.filter(({ logger }) => logger === 'Azure.Core').length }
}
