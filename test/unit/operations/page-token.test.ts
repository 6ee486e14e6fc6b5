import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPageTokens } from '../../../src/operations/page-token.ts'
import { historyKeysOf, operationKeysOf } from '../../../src/storage/keys.ts'
import { StorageFault } from '../../../src/storage/store.ts'
import { anOperation } from '../../support/an-operation.ts'
import { createCore } from '../../support/core.ts'

const { id } = anOperation()
const POSITIONS = [
  { partition: historyKeysOf(id).partitionKey, after: historyKeysOf(id).rowKey },
  { partition: operationKeysOf(id).partitionKey, after: operationKeysOf(id).rowKey },
  { partition: '2026-10', after: undefined },
]

test('a position comes back from its token, in any instance of the app', async () => {
  const { store } = createCore()
  const [one, other] = [createPageTokens(store), createPageTokens(store)]
  for (const position of POSITIONS) assert.deepEqual(await other.open(await one.seal(position)), position)
})

test('a token has at most 256 letters of Base64url, and is never the same twice', async () => {
  const tokens = createPageTokens(createCore().store)
  for (const position of POSITIONS) {
    const sealed = [await tokens.seal(position), await tokens.seal(position)]
    for (const token of sealed) assert.match(token, /^[A-Za-z0-9_-]{1,256}$/)
    assert.equal(new Set(sealed).size, 2)
  }
})

test('a token that was changed, cut or made with another key is refused', async () => {
  const tokens = createPageTokens(createCore().store)
  const token = await tokens.seal(POSITIONS[0] as (typeof POSITIONS)[0])
  for (let index = 0; index < token.length; index += 7) {
    const changed = token[index] === 'A' ? 'B' : 'A'
    assert.equal(await tokens.open(token.slice(0, index) + changed + token.slice(index + 1)), undefined)
    assert.equal(await tokens.open(token.slice(0, index)), undefined)
  }
  assert.equal(await createPageTokens(createCore().store).open(token), undefined)
})

test('a token of this app that names no row of this app is refused: a later version may write others', async () => {
  const tokens = createPageTokens(createCore().store)
  for (const position of [
    { partition: 'app', after: undefined },
    { partition: '2026-11', after: 'slot' },
    { partition: "2026-11' or PartitionKey ge '0", after: undefined },
    { partition: '2026-11', after: `${historyKeysOf(id).rowKey}' or RowKey ge '` },
  ])
    assert.equal(await tokens.open(await tokens.seal(position)), undefined, JSON.stringify(position))
})

test('property: no text from outside opens, or throws', async () => {
  const tokens = createPageTokens(createCore().store)
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.string(), fc.base64String({ maxLength: 400 })), async (text) =>
      assert.equal(await tokens.open(text), undefined),
    ),
  )
})

test('the key is read once, and again after a fault', async () => {
  const { store, faults } = createCore()
  const tokens = createPageTokens(store)
  faults.next('sharedSecret', 'fails')
  await assert.rejects(tokens.seal({ partition: '2026-10', after: undefined }), StorageFault)
  const token = await tokens.seal({ partition: '2026-10', after: undefined })
  assert.ok(await tokens.open(token))
  assert.equal(faults.calls('sharedSecret'), 2)
})
