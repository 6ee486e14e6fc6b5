/** Runs every command of docs/api.md as it is written there. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { DEFAULT_TOP, MAX_TOP, OPERATION_PARAMETERS } from '../src/http/operation-query.ts'
import { MAX_REASON_CHARS } from '../src/reconnect/parse-command.ts'
import { startSandbox } from './support/start-sandbox.ts'

const TEXT = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')
const BLOCKS = [...TEXT.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)

describe('docs/api.md', async () => {
  const { info } = await startSandbox({ after })

  assert.ok(BLOCKS.length >= 5)
  for (const block of BLOCKS) {
    const [, status = '', what = ''] = /^# (\d{3}): (.*)$/m.exec(block) ?? []

    it(`${what} is answered ${status}, as it says`, async () => {
      const env = { ...process.env, APP: info.proxy, TOKEN: info.tokens.operator, BACKEND: info.backends[0] }
      const answer = await new Promise<string>((resolve, reject) =>
        execFile('bash', ['-euc', block], { env }, (error, stdout) =>
          error === null ? resolve(stdout) : reject(error),
        ),
      )
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer)
    })
  }

  it('names every parameter of the list of operations, and the limits that count', () => {
    for (const name of OPERATION_PARAMETERS) assert.ok(TEXT.toLowerCase().includes(`\`${name}\``), name)
    assert.ok(TEXT.includes(`1 to ${MAX_TOP}, default ${DEFAULT_TOP}`))
    assert.ok(TEXT.includes(`at most ${MAX_REASON_CHARS} printable ASCII characters`))
  })
})
