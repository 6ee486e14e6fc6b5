/** Several sandboxes in one folder: each keeps its own file, and the commands find the right one. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { PROJECT_ROOT, type LocalInfo } from '../../sandbox/create-sandbox.ts'
import { claimInfoFile, findSandbox, writeInfoFile } from '../../sandbox/info-file.ts'

async function aFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'info-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

/** What a running sandbox has: a switchboard that answers. */
async function aSandbox(t: TestContext, port: number): Promise<LocalInfo & { end(): Promise<unknown> }> {
  const server = createServer((_, response) => void response.end('{}')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const end = (): Promise<unknown> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  t.after(end)
  const control = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { proxy: `http://127.0.0.1:${port}`, control, webhookSecrets: {}, end } as unknown as Awaited<
    ReturnType<typeof aSandbox>
  >
}

describe('the info file of a sandbox', () => {
  it('is info.json for the first one; another that starts beside it takes a file of its own', async (t) => {
    const folder = await aFolder(t)
    const [first, second] = [await aSandbox(t, 7071), await aSandbox(t, 7072)]
    const files = [await claimInfoFile(first, folder), await claimInfoFile(second, folder)]
    assert.deepEqual(
      files.map(({ path }) => basename(path)),
      ['info.json', 'info-7072.json'],
    )
    assert.equal((await findSandbox(undefined, folder)).control, first.control)
    assert.equal((await findSandbox(files[1]?.path, folder)).control, second.control)

    files[0]?.remove()
    assert.equal((await findSandbox(undefined, folder)).control, second.control, 'the only one that is left')
    files[1]?.remove()
    assert.deepEqual(await readdir(folder), [])
    await assert.rejects(findSandbox(undefined, folder), /No sandbox is running/)
  })

  it('is never taken by two that start at the same time', async (t) => {
    const folder = await aFolder(t)
    const sandboxes = await Promise.all([1, 2].map((port) => aSandbox(t, port)))
    const files = await Promise.all(sandboxes.map((sandbox) => claimInfoFile(sandbox, folder)))
    assert.equal(new Set(files.map(({ path }) => path)).size, 2)
    for (const [index, file] of files.entries())
      assert.equal((await findSandbox(file.path, folder)).control, sandboxes[index]?.control)
  })

  it('of a sandbox that was killed is replaced', async (t) => {
    const folder = await aFolder(t)
    const killed = await aSandbox(t, 7071)
    await claimInfoFile(killed, folder)
    await killed.end()
    assert.equal(basename((await claimInfoFile(await aSandbox(t, 7071), folder)).path), 'info.json')
  })

  it('must be named where several others run and the first has ended', async (t) => {
    const folder = await aFolder(t)
    const [first, ...others] = await Promise.all([1, 2, 3].map((port) => aSandbox(t, port)))
    const file = await claimInfoFile(first as LocalInfo, folder)
    for (const other of others) await claimInfoFile(other, folder)
    file.remove()
    await assert.rejects(findSandbox(undefined, folder), /Several sandboxes are running: .*info-2\.json.*info-3\.json/)
  })

  it('of --info has no switchboard and no webhook secrets; the commands find them by the app’s address', async (t) => {
    const folder = await aFolder(t)
    const sandbox = await aSandbox(t, 7071)
    await claimInfoFile(sandbox, folder)
    const { path } = await writeInfoFile(join(folder, 'given.json'), sandbox)
    assert.equal((await findSandbox(path, folder)).control, sandbox.control)
    await rm(join(folder, 'info.json'))
    await assert.rejects(findSandbox(path, folder), /was not started in this folder, or has ended/)
    await writeFile(path, '{')
    await assert.rejects(findSandbox(path, folder), /is not an info file/)
  })
})

describe('npm run token and npm run alert', () => {
  const run = (name: string, ...args: string[]) =>
    promisify(execFile)(process.execPath, [join(PROJECT_ROOT, `sandbox/${name}.ts`), ...args], {
      cwd: PROJECT_ROOT,
    }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )

  for (const name of ['token', 'alert']) {
    it(`${name} --help prints its usage and ends with 0`, async () => {
      for (const args of [['--help'], ['operator', '-h']]) {
        const { code, stdout, stderr } = await run(name, ...args)
        assert.deepEqual([code, stderr], [0, ''])
        assert.match(stdout, new RegExp(`^npm run ${name} -- `))
      }
    })

    it(`${name} fails with the reason on stderr and nothing on stdout`, async (t) => {
      const file = join(await aFolder(t), 'gone.json')
      const ended = await aSandbox(t, 7071)
      await ended.end()
      await writeFile(
        file,
        JSON.stringify({ proxy: ended.control, control: ended.control, backends: [BACKEND], webhookSecrets: {} }),
      )
      const subject = name === 'token' ? 'operator' : 'azure-monitor'
      for (const [args, reason] of [
        [['nonsense'], /There is no 'nonsense'/],
        [[subject, '--colour'], /--colour/],
        [[subject, '--info', `${file}.not`], /There is no info file/],
        [
          [subject, '--info', file, ...(name === 'alert' ? ['--backend', BACKEND] : [])],
          /No sandbox answers .*ECONNREFUSED/,
        ],
      ] as const) {
        const { code, stdout, stderr } = await run(name, ...args)
        assert.deepEqual([code, stdout], [1, ''], args.join(' '))
        assert.match(stderr, reason)
        assert.doesNotMatch(stderr, /\n\s+at /, 'no stack')
      }
    })
  }
})

const BACKEND =
  '/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.ApiManagement/service/a/backends/b'
