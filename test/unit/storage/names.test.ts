import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queuePrefixOf } from '../../../src/config/storage-prefix.ts'
import { QUEUE_FUNCTIONS } from '../../../src/functions/routes.ts'
import { queueNames, TABLES } from '../../../src/storage/names.ts'

const LONGEST_PREFIX = 'a'.repeat(20)

test('the poison queue has the name that the Functions host gives it', () =>
  assert.deepEqual(queueNames(''), { deliver: 'reconnects', poison: 'reconnects-poison' }))

test('the queues of the triggers are those that messages are stored in', () =>
  assert.deepEqual(
    QUEUE_FUNCTIONS.map(({ queueName }) => queueName),
    Object.values(queueNames('')),
  ))

test('names stay valid with the longest prefix', () => {
  // Azure: a queue's name has 3 to 63 of [a-z0-9-], a table's 3 to 63 of [A-Za-z0-9].
  for (const name of Object.values(queueNames(LONGEST_PREFIX))) assert.match(name, /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/)
  for (const name of Object.values(TABLES)) assert.match(LONGEST_PREFIX + name, /^[A-Za-z][A-Za-z0-9]{2,62}$/)
})

test('an absent or valid prefix is used for the registration of the functions', () => {
  for (const prefix of ['', 'a', 'slot2', LONGEST_PREFIX])
    assert.equal(queuePrefixOf({ RECONNECT_STORAGE_PREFIX: prefix }), prefix)
  assert.equal(queuePrefixOf({}), '')
})

test('with an invalid prefix the triggers listen to a queue that no app uses', () => {
  for (const prefix of ['A', '1a', 'a-b', `${LONGEST_PREFIX}a`, 'a b', 'a\nb'])
    assert.equal(queuePrefixOf({ RECONNECT_STORAGE_PREFIX: prefix }), 'invalidprefix', JSON.stringify(prefix))
})
