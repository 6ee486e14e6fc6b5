import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { PROJECT_ROOT, type SandboxInfo } from '../../sandbox/create-sandbox.ts'
import { runStart, startSandboxProcess } from '../support/start-sandbox.ts'
import { call } from './raw-http.ts'
import { childrenOf, isAlive, ownFiles, run } from './start-room.ts'
import { storageEndpoints } from './storage-endpoints.ts'

/** Contract, section 10, and nothing else. */
const INFO_MEMBERS = [
  'proxy',
  'proxyTls',
  'console',
  'arm',
  'armCa',
  'issuer',
  'tenantId',
  'audience',
  'identityEndpoint',
  'identityHeader',
  'storage',
  'backends',
  'tokens',
]

/** The pasteable lines of the banner, each with the comment above it. */
function commands(banner: string): string[] {
  return banner.split('\n').filter((line) => /^(?:curl|npm) /.test(line))
}

async function takenPort(t: TestContext): Promise<number> {
  const blocker = createServer().listen(0, '127.0.0.1')
  t.after(() => blocker.close())
  await new Promise((resolve) => blocker.once('listening', resolve))
  return (blocker.address() as AddressInfo).port
}

describe('npm start', () => {
  it('writes the info file of the contract for its owner alone, and prints commands that work when pasted', async (t) => {
    const sandbox = await startSandboxProcess(t)
    const info = JSON.parse(await readFile(sandbox.infoFile, 'utf8')) as SandboxInfo
    assert.deepEqual(Object.keys(info).toSorted(), INFO_MEMBERS.toSorted())
    assert.deepEqual(
      [info.console, Object.keys(info.tokens)],
      [`${info.proxy}/console`, ['operator', 'tool', 'stranger']],
    )
    assert.equal((await stat(sandbox.infoFile)).mode & 0o777, 0o600)

    // As `npm run` does it, without npm's own second.
    const pasted = commands(sandbox.stdout()).map((command) =>
      command.replace(/npm run -s (token|alert) --/, 'node sandbox/$1.ts'),
    )
    const statuses = []
    for (const command of pasted) {
      const { stdout, stderr, code } = await run(command)
      assert.equal(code, 0, `${command}\n${stderr}`)
      if (command.startsWith('curl -i') || command.includes('alert.ts'))
        statuses.push(/^HTTP\/1\.1 ([0-9]+)/.exec(stdout)?.[1])
      // Two by hand; those of the alerts come a moment later.
      else if (command.includes('/requests')) assert.ok(JSON.parse(stdout).effects.length >= 2)
      else if (command.includes('/operations'))
        assert.deepEqual(
          JSON.parse(stdout)
            .value.filter(({ trigger }: { trigger: { kind: string } }) => trigger.kind === 'http')
            .map(({ state }: { state: string }) => state),
          ['failed', 'failed', 'dry-run', 'joined', 'forwarded', 'forwarded'],
        )
    }
    assert.deepEqual(statuses, [
      '202',
      '202',
      '202',
      '202',
      '403',
      '502',
      '409',
      '202',
      '202',
      '202',
      '202',
      '202',
      '200',
      '200',
    ])

    assert.equal(await sandbox.end('SIGINT'), 0)
    assert.equal(existsSync(sandbox.infoFile), false)
    assert.equal(existsSync(dirname(sandbox.info.armCa)), false)
    for (const url of [sandbox.info.proxy, ...storageEndpoints(sandbox.info.storage)])
      await assert.rejects(call(new URL(url).origin, '/'), { code: 'ECONNREFUSED' }, url)
  })

  it('a second one in the same folder leaves the first one’s file alone, and its own commands name another', async (t) => {
    const first = await startSandboxProcess(t)
    const [firstFile, ...more] = await ownFiles(first.info.control)
    assert.deepEqual([firstFile !== undefined, more], [true, []])
    const second = await startSandboxProcess(t)
    assert.deepEqual(await ownFiles(first.info.control), [firstFile])
    const [secondFile = ''] = await ownFiles(second.info.control)
    assert.ok(second.stdout().includes(`operator --info .sandbox/${basename(secondFile)})`))
    await first.end()
    assert.deepEqual([await ownFiles(first.info.control), await ownFiles(second.info.control)], [[], [secondFile]])
  })

  it('prints log lines as JSON where stderr is not a terminal', async (t) => {
    const sandbox = await startSandboxProcess(t)
    await call(sandbox.info.proxy, `${sandbox.info.backends[0]}/reconnect`, { method: 'POST' })
    for (let turn = 0; !sandbox.stderr().includes('reconnect.decision') && turn < 3_000; turn += 1) await delay(10)
    const lines = sandbox.stderr().trim().split('\n')
    const records = lines.map((line) => JSON.parse(line) as { time: string; functionName?: string; message: string })
    assert.ok(
      records.some(({ functionName, message }) => functionName === 'backend-reconnect' && message.startsWith('{')),
    )
    for (const { time } of records) assert.equal(new Date(time).toISOString(), time)
  })

  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`ends on ${signal} as on Ctrl-C`, async (t) => {
      const sandbox = await startSandboxProcess(t)
      assert.equal(await sandbox.end(signal), 0)
      assert.equal(existsSync(dirname(sandbox.info.armCa)), false)
    })
  }

  it('ends when the shell ends in which npm started it', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-orphan-'))
    t.after(() => rm(folder, { recursive: true }))
    const infoFile = join(folder, 'info.json')
    const command = `"${process.execPath}" sandbox/start.ts --port 0 --info "${infoFile}" >/dev/null 2>&1 & echo $!; wait`
    const shell = spawn('sh', ['-c', command], {
      cwd: PROJECT_ROOT,
      env: { ...process.env, npm_lifecycle_event: 'start', TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const pid = Number(String((await once(shell.stdout, 'data'))[0]))
    t.after(() => isAlive(pid) && process.kill(pid))
    for (let turn = 0; !existsSync(infoFile) && turn < 3_000; turn += 1) await delay(20)
    const { proxy } = JSON.parse(await readFile(infoFile, 'utf8')) as SandboxInfo
    shell.kill('SIGKILL')
    for (let turn = 0; existsSync(infoFile) && turn < 1_500; turn += 1) await delay(20)
    assert.equal(existsSync(infoFile), false)
    for (let turn = 0; turn < 3_000; turn += 1)
      if (
        await call(proxy, '/health/live').then(
          () => false,
          () => true,
        )
      )
        return
    assert.fail('the function app still answers')
  })

  it('leaves nothing behind when it is stopped while it starts', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'sandbox-stopped-'))
    t.after(() => rm(folder, { recursive: true }))
    // The last while the storage emulator is on its way.
    for (const afterMs of [150, 400, 600, 1_200]) {
      const running = runStart(['--port', '0'], { TMPDIR: folder })
      await delay(afterMs)
      running.child.kill('SIGINT')
      const code = await running.exit
      // Before its first line has run, the signal ends it as it ends any process.
      assert.ok(code === 0 || code === null, `exit code ${code}: ${running.stderr()}`)
    }
    // V8's compiled code is meant to stay.
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name !== 'node-compile-cache'),
      [],
    )
  })

  it('ends with 1 when the app’s process dies', async (t) => {
    const sandbox = await startSandboxProcess(t)
    process.kill((await childrenOf(sandbox.pid)).app, 'SIGKILL')
    assert.equal(await sandbox.end('SIGCONT'), 1)
    assert.match(sandbox.stderr(), /process has ended \(SIGKILL\)/)
    assert.equal(existsSync(sandbox.infoFile), false)
  })

  it('ends the app and the storage too when it is killed', async (t) => {
    const sandbox = await startSandboxProcess(t)
    t.after(async () => {
      for (const file of await ownFiles(sandbox.info.control)) await rm(file, { force: true })
    })
    const { app, storage } = await childrenOf(sandbox.pid)
    await sandbox.end('SIGKILL')
    for (let waitedMs = 0; waitedMs < 30_000 && (isAlive(app) || isAlive(storage)); waitedMs += 20) await delay(20)
    assert.deepEqual([isAlive(app), isAlive(storage)], [false, false])
    for (const url of storageEndpoints(sandbox.info.storage))
      await assert.rejects(call(new URL(url).origin, '/'), { code: 'ECONNREFUSED' }, url)
  })

  for (const option of ['--port', '--tls-port', '--arm-port', '--identity-port', '--issuer-port', '--control-port']) {
    it(`says in a sentence that the port of ${option} is taken`, async (t) => {
      const port = await takenPort(t)
      const running = runStart([option, String(port), ...(option === '--port' ? [] : ['--port', '0'])])
      assert.equal(await running.exit, 1)
      assert.equal(
        running.stderr().trim(),
        `Port ${port} is already in use: choose another one, or leave the option out to get a free one.`,
      )
    })
  }

  it('explains its options, and refuses others', async () => {
    const help = runStart(['--help'])
    assert.deepEqual([await help.exit, help.stdout().includes('--info FILE')], [0, true])
    const wrong = runStart(['--colour'])
    assert.equal(await wrong.exit, 1)
    assert.match(wrong.stderr(), /--colour/)
  })
})
