/** A real sender: Prometheus Alertmanager (Debian's prometheus-alertmanager) with the configuration of examples/, driven by its own API. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { WEBHOOK_SECRETS } from '../../sandbox/webhooks.ts'
import { startStorageProxy } from '../support/storage-proxy.ts'
import { startConversation, type Conversation } from './conversation.ts'
import { storageAccount } from './places.ts'
import { eventually } from './senders.ts'

const BINARY = 'prometheus-alertmanager'

function isInstalled(): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${BINARY}`])
    return true
  } catch {
    return false
  }
}

/** Alertmanager on a free port, sending to this app; times are those of the example, made shorter. */
async function startAlertmanager(
  t: TestContext,
  { sandbox }: Conversation,
): Promise<(alerts: readonly object[]) => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'alertmanager-'))
  await writeFile(join(folder, 'token'), WEBHOOK_SECRETS.ALERTMANAGER_TOKEN)
  const config = (await readFile(join(PROJECT_ROOT, 'examples/alertmanager.yml'), 'utf8'))
    .replace('https://reconnect.contoso.example', sandbox.info.proxy)
    .replace('/etc/alertmanager/apim-reconnect-token', join(folder, 'token'))
    .replace('group_interval: 1m', 'group_interval: 1s')
    .replace('send_resolved: false', 'send_resolved: true')
  await writeFile(join(folder, 'alertmanager.yml'), config)
  const child = spawn(
    BINARY,
    [
      '--web.listen-address=127.0.0.1:0',
      '--cluster.listen-address=',
      `--storage.path=${join(folder, 'data')}`,
      `--config.file=${join(folder, 'alertmanager.yml')}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true, force: true })
  })
  const log: string[] = []
  const address = await new Promise<string>((resolve, reject) => {
    void ended.then(() => reject(new Error(`it ended: ${log.join('\n')}`)))
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line)
      const [, found] = /msg="Listening on" address=(\S+)/.exec(line) ?? []
      if (found !== undefined) resolve(found)
    })
  })
  return async (alerts) => {
    const answer = await fetch(`http://${address}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(alerts),
    })
    assert.equal(answer.status, 200, await answer.text())
  }
}

function alertFor(backend: string, more: object = {}): object {
  const [, , , , , , , , service = '', , id = ''] = backend.split('/')
  return {
    labels: { alertname: 'ApimBackendConnectionFailures', apim_service: service, backend_id: id, severity: 'critical' },
    annotations: { summary: 'down & out' },
    generatorURL: 'http://prometheus.contoso.example/graph',
    ...more,
  }
}

const outcomes = (room: Conversation, backend: string): readonly unknown[] =>
  room
    .decisions()
    .filter((event) => event['backend'] === backend)
    .map(({ outcome }) => outcome)

describe('Alertmanager', { concurrency: 2 }, () => {
  it('alerts of a real Alertmanager that fire ask ARM once for each backend; resolved ones do nothing', async (t) => {
    if (!isInstalled()) return t.skip(`${BINARY} is not on PATH: no real Alertmanager has been tried`)
    const room = await startConversation(t)
    const send = await startAlertmanager(t, room)
    const [first, second] = [room.freshBackend(), room.freshBackend()]
    await send([alertFor(first), alertFor(second)])
    for (const backend of [first, second]) {
      await eventually(() => outcomes(room, backend).includes('forwarded'))
      assert.equal(room.armReceived(backend).length, 1)
      assert.deepEqual(outcomes(room, backend), ['accepted', 'forwarded'])
    }
    await send([alertFor(first, { endsAt: new Date(Date.now() - 1_000).toISOString() })])
    await eventually(() => room.decisions().some(({ outcome }) => outcome === 'resolved'))
    assert.equal(room.armReceived(first).length, 1)
  })

  it('a real Alertmanager is answered 503 while the queue is away, and repeats until the alert is stored', async (t) => {
    if (!isInstalled()) return t.skip(`${BINARY} is not on PATH: no real Alertmanager has been tried`)
    const proxy = await startStorageProxy(await storageAccount(t), 'Queue')
    t.after(() => proxy.stop())
    const room = await startConversation(t, { storage: proxy.connectionString })
    const send = await startAlertmanager(t, room)
    const backend = room.freshBackend()
    await proxy.become('busy')
    await send([alertFor(backend)])
    await eventually(() => outcomes(room, backend).includes('failed'))
    await proxy.become('up')
    await eventually(() => outcomes(room, backend).includes('forwarded'), 60_000)
    assert.equal(room.armReceived(backend).length, 1)
  })
})
