import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { decodeJwt } from 'jose'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { startSandboxProcess } from '../support/start-sandbox.ts'
import { run } from './start-room.ts'

const token = (args: string) => run(`node sandbox/token.ts ${args}`)

describe('npm run token', () => {
  it('mints what it is asked for, and fails with the reason when no sandbox answers', async (t) => {
    const sandbox = await startSandboxProcess(t)
    const minted = await token(
      `tool --control ${sandbox.info.control} --role A --role B --app 11111111-2222-4333-8444-555555555555 --v1 --expires-in -60`,
    )
    const claims = decodeJwt(minted.stdout.trim())
    assert.deepEqual(
      [claims['roles'], claims['appid'], claims['ver'], (claims.exp ?? Infinity) * 1_000 < Date.now()],
      [['A', 'B'], '11111111-2222-4333-8444-555555555555', '1.0', true],
    )
    assert.match(minted.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    const person = decodeJwt(
      (
        await token(`stranger --info ${sandbox.infoFile} --user 66666666-2222-4333-8444-555555555555 --scp 'A B' --v2`)
      ).stdout.trim(),
    )
    assert.deepEqual(
      [person['oid'], person['scp'], person['ver']],
      ['66666666-2222-4333-8444-555555555555', 'A B', '2.0'],
    )

    await sandbox.end()
    for (const [args, message] of [
      [`tool --control ${sandbox.info.control}`, /No sandbox answers/],
      [`tool --info ${sandbox.infoFile}`, /There is no info file .*npm start/],
      ['nobody', /There is no 'nobody'[^]*operator\|tool\|stranger/],
      ['', /Whose token\?/],
      ['tool --control here', /--control takes an address/],
      [`tool --info ${join(PROJECT_ROOT, 'README.md')}`, /README\.md is not an info file/],
      ['tool --v1 --v2', /exclude each other/],
      ['tool --expires-in soon', /takes seconds/],
    ] as const) {
      const { stdout, stderr, code } = await token(args)
      assert.deepEqual([code, stdout], [1, ''], args)
      assert.match(stderr, message)
    }
  })
})
