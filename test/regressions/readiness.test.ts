/** Contract, section 2: `/health/ready` says whether requests can be judged, alerts stored and operations written. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { becomes, startScene } from '../support/scene.ts'
import type { CallFilter, FaultEffect } from '../support/faulty-storage.ts'

/** What storage says to an identity that has the reader's role alone, or none. */
const NOT_ALLOWED = {
  kind: 'refuse',
  refusal: {
    status: 403,
    code: 'AuthorizationPermissionMismatch',
    message: 'This request is not authorized to perform this operation using this permission.',
  },
} as const

describe('/health/ready is 503', { concurrency: true }, async () => {
  const CASES: readonly (readonly [string, CallFilter, FaultEffect])[] = [
    ['while the queue service fails', { service: 'queue' }, { kind: 'busy' }],
    ['while the identity has no right on the queue', { service: 'queue' }, NOT_ALLOWED],
    ['while the identity may read the tables and not write them', { service: 'table', write: true }, NOT_ALLOWED],
  ]
  const scenes = await Promise.all(CASES.map(() => startScene({ after })))

  for (const [index, [title, filter, effect]] of CASES.entries())
    it(`${title}, and 200 when that is over`, async () => {
      const { room, storage } = scenes[index] ?? assert.fail('no scene is left')
      const ready = async () => {
        const { status, ...answer } = await room.get('/health/ready')
        const { checks } = answer.json() as { checks: readonly { name: string; status: string }[] }
        return { status, failed: checks.filter((check) => check.status !== 'pass').map(({ name }) => name) }
      }
      await room.untilReady()
      storage.add(filter, effect)
      let seen = await ready()
      // What it has found it may remember for a while.
      await becomes(async () => (seen = await ready()).status === 503, 20_000)
      assert.equal(seen.status, 503)
      assert.match(seen.failed.join(), /^(?:storage|tables?|queue|storage-[a-z]+)(?:,|$)/)
      storage.clear()
      assert.ok(await becomes(async () => (await ready()).status === 200))
    })
})
