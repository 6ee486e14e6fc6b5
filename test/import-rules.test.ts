import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { importFault, ROOMS, roomOf, sayingFaults, testFault } from './support/house-rules.ts'
import { evaluatedWith, importsIn, readCode, sourcesBelow, withoutComments } from './support/imports.ts'

const SOURCES = sourcesBelow('src')

/** The faults that the rules find in a text as if it were this file. */
function faultsOf(file: string, text: string): readonly string[] {
  const code = withoutComments(text)
  return [...importsIn(file, code).map(importFault), ...sayingFaults(file, code)].filter((fault) => fault !== undefined)
}

function assertNone(faults: readonly string[]): void {
  assert.ok(faults.length === 0, `\n${faults.join('\n')}\n`)
}

describe('the rooms of src', () => {
  test('import only what their rules allow', () => {
    assertNone(
      SOURCES.flatMap((file) => importsIn(file, readCode(file)).map(importFault)).filter(
        (fault) => fault !== undefined,
      ),
    )
  })

  test('leave environment, time and console to the rooms that own them', () => {
    assertNone(SOURCES.flatMap((file) => sayingFaults(file, readCode(file))))
  })

  test('are exactly those that have rules', () => {
    assert.deepEqual([...new Set(SOURCES.map(roomOf))].toSorted(), Object.keys(ROOMS).toSorted())
  })

  test('use every runtime dependency of package.json, and no other package', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      dependencies: Record<string, string>
    }
    const used = SOURCES.flatMap((file) => importsIn(file, readCode(file))).filter(
      ({ isPackage, to }) => isPackage && !to.startsWith('node:'),
    )
    const values = new Set(used.filter(({ isType }) => !isType).map(({ to }) => to))
    assert.deepEqual([...values].toSorted(), Object.keys(dependencies).toSorted())
    assertNone(
      used
        .filter(({ to }) => !Object.hasOwn(dependencies, to))
        .map(({ from, to }) => `${from} imports types of ${to}, which package.json does not name.`),
    )
  })
})

describe('what is evaluated when', () => {
  for (const door of ['src/azure-sdk.ts', 'src/azure-queue.ts', 'src/developer-sign-in.ts'])
    test(`composition.ts alone imports ${door}, late, and it is a file without code of its own`, () => {
      const openers = SOURCES.flatMap((file) => importsIn(file, readCode(file))).filter(
        ({ to, isType }) => to === door && !isType,
      )
      assert.deepEqual(
        openers.map(({ from, isLate }) => ({ from, isLate })).filter(({ isLate }) => !isLate),
        [],
      )
      assert.deepEqual([...new Set(openers.map(({ from }) => from))], ['src/composition.ts'])
      assert.match(readCode(door), /^(?:\s*export \{[^}]*\} from '\.\/[\w/-]+\.ts'\n)+$/)
    })

  test('the SDK for a reconnect has neither the queue nor the sign-in of developers', () => {
    const evaluated = evaluatedWith('src/azure-sdk.ts')
    for (const name of ['@azure/arm-apimanagement', '@azure/data-tables', '@azure/msal-node'])
      assert.ok(evaluated.has(name), `${name} is not read`)
    for (const name of ['@azure/storage-queue', '@azure/identity'])
      assert.ok(!evaluated.has(name), `${name} is read too early`)
  })

  test('registering the functions evaluates only the table of routes', () => {
    assert.deepEqual([...evaluatedWith('src/index.ts')].toSorted(), [
      '@azure/functions',
      'node:module',
      'src/config/storage-prefix.ts',
      'src/functions/routes.ts',
      'src/index.ts',
      'src/shared/once.ts',
      'src/warm-up.ts',
    ])
  })

  test('the page is read with its first request and not before', () => {
    const readers = SOURCES.flatMap((file) => importsIn(file, readCode(file))).filter(
      ({ to }) => to === 'src/console-files.ts' || to.startsWith('src/console/'),
    )
    assert.deepEqual(
      readers
        .filter(({ from }) => !from.startsWith('src/console/'))
        .map(({ from, to, isLate }) => ({ from, to, isLate })),
      [{ from: 'src/functions/console.ts', to: 'src/console-files.ts', isLate: true }],
    )
  })

  test('the SDK is evaluated with the first reconnect and not before', () => {
    const evaluated = evaluatedWith('src/functions/handle.ts')
    assert.ok(evaluated.has('src/arm/arm.ts') && evaluated.has('src/storage/table-store.ts'))
    for (const name of [
      '@azure/arm-apimanagement',
      '@azure/core-rest-pipeline',
      '@azure/data-tables',
      '@azure/identity',
      '@azure/msal-node',
      '@azure/storage-queue',
      'undici',
      'src/azure-sdk.ts',
      'src/azure-queue.ts',
      'src/developer-sign-in.ts',
    ])
      assert.ok(!evaluated.has(name), `${name} is read too early`)
  })
})

test('the sandbox imports nothing of src', () => {
  const imports = sourcesBelow('sandbox').flatMap((file) => importsIn(file, readCode(file)))
  assertNone(
    imports
      .filter(({ to, isPackage }) => !isPackage && !to.startsWith('sandbox/'))
      .map(
        ({ from, to }) =>
          `${from} imports ${to}: the simulation must not agree with the app by sharing its code. Write it down a second time.`,
      ),
  )
})

test('no test is focused or skipped', () => {
  assertNone(
    sourcesBelow('test')
      .map((file) => testFault(file, readCode(file)))
      .filter((fault) => fault !== undefined),
  )
})

describe('the rules notice', () => {
  const BROKEN: readonly [string, string, string][] = [
    ['an adapter in the domain', 'src/domain/x.ts', "import { createArm } from '../arm/arm.ts'"],
    ['the domain in shared', 'src/shared/x.ts', "import type { Backend } from '../domain/backend-id.ts'"],
    ['one adapter in another', 'src/arm/x.ts', "import { printable } from '../audit/redact.ts'"],
    ['a port used as a value', 'src/identity/x.ts', "import { Forward } from '../reconnect/ports.ts'"],
    ['a port of alerts used as a value', 'src/delivery/x.ts', "import { Enqueue } from '../reconnect/alert-ports.ts'"],
    ['an adapter that tells the story', 'src/arm/x.ts', "import type { Trail } from '../reconnect/reconnect.ts'"],
    ['a value of the permission in arm', 'src/arm/x.ts', "import { authorize } from '../policy/authorize.ts'"],
    ['an adapter in the story', 'src/reconnect/x.ts', "import { writeAudit } from '../audit/write-audit.ts'"],
    ['an adapter in a function', 'src/functions/x.ts', "import { createArm } from '../arm/arm.ts'"],
    ['composition in a room', 'src/http/x.ts', "import { composition } from '../composition.ts'"],
    ['an import over several lines', 'src/domain/x.ts', "import {\n  a,\n  b,\n} from '../http/reply.ts'"],
    ['an export from elsewhere', 'src/domain/x.ts', "export { json } from '../http/reply.ts'"],
    ['an import for its effects', 'src/domain/x.ts', "import '../index.ts'"],
    ['an import that comes late', 'src/domain/x.ts', "const arm = await import('../arm/arm.ts')"],
    ['a room without rules', 'src/utils/x.ts', "import { ok } from '../shared/result.ts'"],
    ['tests in src', 'src/domain/x.ts', "import { aBackend } from '../../test/support/builders.ts'"],
    ['the sandbox in src', 'src/composition.ts', "import { startHost } from '../sandbox/host/host.ts'"],
    ['the SDK outside arm', 'src/reconnect/x.ts', "import { ApiManagementClient } from '@azure/arm-apimanagement'"],
    [
      'the credential outside managed-identity',
      'src/composition.ts',
      "import { ManagedIdentityCredential } from '@azure/identity'",
    ],
    ['jose outside identity', 'src/policy/x.ts', "import { jwtVerify } from 'jose/jwt/verify'"],
    ['tables outside their file', 'src/storage/x.ts', "import { TableClient } from '@azure/data-tables'"],
    [
      'the coordinator in the story',
      'src/reconnect/x.ts',
      "import { createCoordinator } from '../coordination/coordinator.ts'",
    ],
    ['the history in http', 'src/http/x.ts', "import { createHistory } from '../operations/history.ts'"],
    ['keys of storage in a function', 'src/functions/x.ts', "import { parseOperationId } from '../storage/keys.ts'"],
    [
      'the table store in the coordination',
      'src/coordination/x.ts',
      "import { createTableStore } from '../storage/table-store.ts'",
    ],
    [
      'the coordinator in storage',
      'src/storage/x.ts',
      "import { createCoordinator } from '../coordination/coordinator.ts'",
    ],
    [
      'the operation log in the coordination',
      'src/coordination/x.ts',
      "import { createHistory } from '../operations/history.ts'",
    ],
    ['the door to the SDK in a room', 'src/storage/x.ts', "const sdk = await import('../azure-sdk.ts')"],
    ['the queue outside its file', 'src/delivery/x.ts', "import { QueueClient } from '@azure/storage-queue'"],
    [
      'the queue in the story',
      'src/reconnect/x.ts',
      "import { createDeliveryQueue } from '../delivery/delivery-queue.ts'",
    ],
    ['permission in the alerts', 'src/alerts/x.ts', "import { authorize } from '../policy/authorize.ts'"],
    ['undici outside transport', 'src/identity/x.ts', "import { fetch } from 'undici'"],
    ['a package that has no home', 'src/domain/x.ts', "import _ from 'lodash'"],
    ['the environment outside config', 'src/arm/x.ts', "const endpoint = process.env['ARM_ENDPOINT']"],
    ['the environment by import', 'src/arm/x.ts', "import { env } from 'node:process'"],
    ['the time outside the clock', 'src/domain/x.ts', 'const now = Date.now()'],
    ['the time in a new date', 'src/domain/x.ts', 'const now = new Date()'],
    ['the console outside the log', 'src/arm/x.ts', 'console.log(1)'],
    ['the domain in the page', 'src/console/x.tsx', "import type { Operation } from '../domain/operation.ts'"],
    ['the page in the app', 'src/http/x.ts', "import { parsePlace } from '../console/place.ts'"],
    ['Preact outside the page', 'src/http/x.ts', "import { render } from 'preact'"],
  ]
  for (const [name, file, text] of BROKEN)
    test(name, () => assert.equal(faultsOf(file, text).length, 1, faultsOf(file, text).join('\n')))

  const SOUND: readonly [string, string, string][] = [
    ['types of a port', 'src/identity/x.ts', "import type { Authenticate } from '../reconnect/ports.ts'"],
    ['types of a port of alerts', 'src/delivery/x.ts', "import type { Enqueue } from '../reconnect/alert-ports.ts'"],
    [
      'types of a port of operators',
      'src/operations/x.ts',
      "import type { Pauses } from '../reconnect/operator-ports.ts'",
    ],
    [
      'the type of the permission in arm',
      'src/arm/x.ts',
      "import type { AuthorizedReconnect } from '../policy/authorize.ts'",
    ],
    [
      'types of the tables elsewhere in storage',
      'src/storage/x.ts',
      "import type { TableClient } from '@azure/data-tables'",
    ],
    ['types of a package elsewhere', 'src/http/x.ts', "import type { HttpRequest } from '@azure/functions'"],
    ['a neighbour', 'src/arm/x.ts', "import { parseRetryAfter } from './retry-after.ts'"],
    ['Preact in the page', 'src/console/x.tsx', "import { useState } from 'preact/hooks'"],
    ['a date that is given', 'src/domain/x.ts', 'const due = new Date(dueEpochMs)'],
    ['a comment about the forbidden', 'src/domain/x.ts', '/** Never Date.now() or process.env here. */'],
  ]
  for (const [name, file, text] of SOUND) test(`nothing in ${name}`, () => assertNone(faultsOf(file, text)))

  for (const word of ['only', 'skip', 'todo']) {
    test(`a test marked ${word}, in every spelling`, () => {
      for (const text of [
        `test.${word}('x', () => {})`,
        `describe.${word}('x', () => {})`,
        `t.${word}('x')`,
        `test('x', { ${word}: true }, () => {})`,
      ])
        assert.ok(testFault('test/x.test.ts', text), text)
    })
  }
})
