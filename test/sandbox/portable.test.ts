/** What lets the project run on Windows as well. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { toBanner } from '../../sandbox/banner.ts'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { NO_STORAGE, startSandbox } from '../support/start-sandbox.ts'

it('the npm scripts need no POSIX shell: programs, options in double quotes, and && between them', async () => {
  const { scripts } = JSON.parse(await readFile(join(PROJECT_ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const [name, script] of Object.entries(scripts)) {
    assert.doesNotMatch(script, /['$`;|<>\\]|^\w+=|&& \w+=/, name)
    for (const command of script.split(' && '))
      assert.match(command, /^(?:npm|node|tsc|oxlint|prettier) /, `${name}: ${command}`)
  }
})

describe('the banner', () => {
  it('uses one backend each, but where its comment says otherwise', async (t) => {
    const sandbox = await startSandbox(t, { storage: NO_STORAGE })
    const lines = toBanner(sandbox, { shell: 'posix' }).split('\n')
    const used = new Map<string, string[]>()
    for (const [index, line] of lines.entries()) {
      const backend = /\/service\/[^/]+\/backends\/[^/' ]+/.exec(line)?.[0]
      if (backend !== undefined) used.set(backend, [...(used.get(backend) ?? []), lines[index - 1] ?? ''])
    }
    const [first, ...others] = [...used.values()]
    assert.deepEqual(
      first?.map((comment) => comment.split(/[:,]/)[0]),
      [
        '# reconnect a backend as an operator',
        '# the first backend once more within two minutes',
        '# decide everything',
        '# as a caller without a grant',
      ],
    )
    assert.equal(others.length, 8)
    for (const comments of others) assert.equal(comments.length, 1, comments[0])
  })

  it('names the info file of a sandbox that is not the first', async (t) => {
    const sandbox = await startSandbox(t, { storage: NO_STORAGE })
    const banner = toBanner(sandbox, { shell: 'posix', infoFile: '.sandbox/info-7072.json' })
    for (const command of banner.match(/npm run -s (?:token|alert) -- [^)\n]+/g) ?? assert.fail())
      assert.match(command, / --info \.sandbox\/info-7072\.json$/)
  })

  it('for PowerShell gives JSON through stdin, quotes --, and calls curl by its full name', async (t) => {
    const sandbox = await startSandbox(t, { storage: NO_STORAGE })
    const commands = toBanner(sandbox, { shell: 'powershell' })
      .split('\n')
      .filter((line) => /\b(?:curl|npm)\b/.test(line) && !line.startsWith('#'))
    assert.equal(commands.length, 18)
    for (const command of commands) {
      assert.doesNotMatch(command, /-d '\{/)
      assert.match(command, /^(?:'\{[^']+\}' \| )?(?:curl\.exe |npm run -s alert '--' )/)
    }
  })

  it('for PowerShell is understood by PowerShell, where there is one', async (t) => {
    const sandbox = await startSandbox(t, { storage: NO_STORAGE })
    const banner = toBanner(sandbox, { shell: 'powershell' })
    const [command = ''] = banner.split('\n').filter((line) => line.includes('/faults'))
    const run = await promisify(execFile)('pwsh', [
      '-NoProfile',
      '-Command',
      command.replace('curl.exe', 'curl -s'),
    ]).catch((error: NodeJS.ErrnoException) => error)
    if (run instanceof Error && run.code === 'ENOENT') return t.skip('pwsh is not on PATH')
    assert.deepEqual(sandbox.azure.faults.list(), [{ target: 'arm', kind: '409', times: 1 }])
  })
})
