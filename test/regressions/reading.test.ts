/** Contract, section 7: what reading operations costs, shows, and does not show. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { call } from '../sandbox/raw-http.ts'
import { told } from '../conformance/places.ts'
import type { ShownOperation } from '../conformance/senders.ts'
import { HISTORY_TABLE, listed, POLICY, read, startScene, until } from '../support/scene.ts'
import { TOOL } from '../../sandbox/azure/directory.ts'

const TOOLS_BACKEND = POLICY.grants[1].scope
/** Longer than any answer takes; an instance that hangs never answers. */
const ANSWER_MS = 15_000
/** A page, its months, and the operations in it that are looked up again. */
const MAX_CALLS = 120

/** The tool may read its own backend, and nothing else. */
const reader = { principal: `app:${TOOL.clientId}`, scope: TOOLS_BACKEND, actions: ['reconnect', 'read'] }

describe('reading operations', { concurrency: true }, async () => {
  const [bounded, made, hidden] = await Promise.all([
    startScene({ after }, { env: { NODE_OPTIONS: '--max-old-space-size=256' } }),
    startScene({ after }),
    startScene({ after }, { policy: { ...POLICY, grants: [...POLICY.grants.toSpliced(1, 1), reader] } }),
  ])

  describe('with a time that no calendar has', () => {
    const { room, storage } = bounded
    const authorization = { authorization: `Bearer ${room.sandbox.info.tokens.operator}` }

    it('is answered, or refused, after a bounded number of storage calls, and the instance lives on', async (t) => {
      const own = await room.sandbox.startAnother()
      // An instance that hangs takes all the memory that it gets.
      t.after(() => own.crash())
      const origin = `http://127.0.0.1:${own.port}`
      const get = (path: string) =>
        call(origin, path, { headers: authorization, signal: AbortSignal.timeout(ANSWER_MS) })
      for (const query of [
        'from=0000-01-01T00:00:00Z',
        'from=0000-01-01T00:00:00%2B23:59&to=0000-01-01T00:00:00%2B23:59',
        'to=9999-12-31T23:59:59-00:01',
        `from=9999-12-31T23:59:59-00:01&backend=${room.sandbox.info.backends[0]}`,
        'from=9999-12-31T23:59:59-00:01',
        'from=9999-12-31T23:59:59-23:59&to=9999-12-31T23:59:59-23:59',
      ]) {
        const before = storage.calls({ service: 'table' }).length
        const answer = await get(`/operations?${query}`).catch((fault: Error) =>
          assert.fail(`no answer to ${query}: ${fault.message}`),
        )
        assert.ok([200, 400].includes(answer.status), answer.text)
        if (answer.status === 400) assert.equal(answer.headers['x-ms-error-code'], 'InvalidQueryParameterValue')
        const calls = storage.calls({ service: 'table' }).length - before
        assert.ok(calls <= MAX_CALLS, `${calls} calls for ${query}`)
        assert.equal((await get('/health/live')).status, 200)
      }
    })
  })

  describe('the Location of a 202', () => {
    const { room } = made

    it('is readable by the caller that made the operation, although it holds the default grant alone', async () => {
      const answer = await room.reconnect({ as: 'tool', backend: TOOLS_BACKEND })
      const { operation } = told(answer)
      assert.equal(answer.headers['location'], `/operations/${operation}`)
      const own = await read(room, `/operations/${operation}`, 'tool')
      assert.equal(own.status, 200, own.text)
      assert.equal((own.json() as ShownOperation).id, operation)
      assert.equal((await read(room, `/operations/${operation}`, 'stranger')).status, 404)
    })

    it('is readable by the caller of an operation that joined another', async () => {
      const others = told(await room.reconnect({ as: 'operator', backend: TOOLS_BACKEND }))
      const { operation } = told(await room.reconnect({ as: 'tool', backend: TOOLS_BACKEND }))
      assert.equal((await read(room, `/operations/${operation}`, 'tool')).status, 200)
      assert.equal((await read(room, `/operations/${others.operation}`, 'tool')).status, 404, 'it is the operator’s')
    })
  })

  describe('nextLink', () => {
    const { room, storage } = hidden
    /** More than a page looks at while it finds nothing that it may show. */
    const OPERATIONS = 80
    const LISTED = 60

    it('tells no time of an operation that the caller may not read', async () => {
      const backends = Array.from({ length: OPERATIONS }, () => room.freshBackend())
      // A few at a time: storage that is slow for a second is taken for away, and what is not recorded is not listed.
      for (let at = 0; at < OPERATIONS; at += 4)
        await Promise.all(backends.slice(at, at + 4).map((backend) => room.reconnect({ backend })))
      await until('nearly all are listed', async () => ((await listed(room, 'top=200'))?.length ?? 0) >= LISTED)
      const times = ((await listed(room, 'top=200')) ?? []).map(({ requestedAt }) => Date.parse(String(requestedAt)))
      // The real service may answer with fewer rows than were asked for, whenever it likes.
      storage.add({ service: 'table', name: HISTORY_TABLE, method: 'GET' }, { kind: 'page-size', rows: 1 })
      let path: string | undefined = '/operations?top=1'
      const links: string[] = []
      for (let page = 0; path !== undefined && page < OPERATIONS; page += 1) {
        const answer = await read(room, path, 'tool')
        assert.equal(answer.status, 200, answer.text)
        const { value, nextLink } = answer.json() as { value: readonly unknown[]; nextLink?: string }
        assert.deepEqual(value, [])
        if (nextLink !== undefined) links.push(nextLink)
        path = nextLink
      }
      assert.equal(path, undefined, 'the pages come to an end')
      const shown = links.map(readable).join('\n')
      const told = times.filter((time) => spellings(time).some((spelling) => shown.includes(spelling)))
      assert.deepEqual(told, [], 'times that a nextLink tells')
    })
  })
})

/** What a link says, also in its parts that are only encoded. */
function readable(link: string): string {
  const values = [...new URL(link, 'http://operations').searchParams.values()]
  return [link, ...values, ...values.flatMap(decodings)].join('\n').toLowerCase()
}

function decodings(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'base64url')
  return [bytes.toString('latin1'), bytes.toString('hex')]
}

/** A time in milliseconds as a row key may have it, or as anybody would write it. */
function spellings(epochMs: number): readonly string[] {
  const hex = (value: number): string => value.toString(16).padStart(12, '0')
  return [hex(2 ** 48 - 1 - epochMs), hex(epochMs), String(epochMs), new Date(epochMs).toISOString().toLowerCase()]
}
