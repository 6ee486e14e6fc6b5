import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { integer, objectIdentifier, tlv } from '../../sandbox/azure/der.ts'
import { UsageError } from '../../sandbox/command.ts'
import { toJsonLine, toJsonOutput, toLogLine } from '../../sandbox/log-line.ts'
import { decodeRequestPath, encodeRequestPath } from '../../sandbox/host/request-path.ts'
import { createHttpRoutes, findRoute } from '../../sandbox/host/http-routes.ts'
import { matchRoute, parseRouteTemplate } from '../../sandbox/host/route-template.ts'
import { parseStartOptions } from '../../sandbox/start-options.ts'

describe('request paths', () => {
  it('never contain a dot segment or a NUL, whatever was sent', () => {
    const piece = fc.constantFrom(
      '/',
      '.',
      '..',
      '%2e',
      '%2E',
      '%2f',
      '%5c',
      '%00',
      '%',
      '%zz',
      '%c3%a9',
      '%c3',
      '%ff',
      'a',
      '%252e',
      ';',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = decodeRequestPath(`/${pieces.join('')}`)
        if (path === undefined) return
        assert.ok(path.startsWith('/') && !path.includes('\0'))
        assert.equal(
          path.split('/').some((segment) => segment === '.' || segment === '..'),
          false,
          path,
        )
      }),
    )
  })

  it('decode any text that was encoded, except a slash and dot segments', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (text) => {
        fc.pre(!/[/%\0]/.test(text) && text !== '.' && text !== '..')
        assert.equal(decodeRequestPath(`/${encodeURIComponent(text)}`), `/${text}`)
      }),
    )
  })

  it('are written into the URL with encoded triplets as they are', () => {
    assert.equal(encodeRequestPath('/a b/é%2F%zz/(x)\'!"|'), "/a%20b/%C3%A9%2F%25zz/(x)'!%22%7C")
  })
})

describe('route templates', () => {
  it('refuse what they would match differently than the real host', () => {
    for (const text of ['a/{id:int}', 'a/{id=1}', 'a/x{id}', '{a?}/b', '{*a}/b', 'a//b'])
      assert.throws(() => parseRouteTemplate(text), /route/, text)
  })

  it('match no letter of another script in a literal', () => {
    assert.equal(matchRoute(parseRouteTemplate('backends'), '/bac\u212aends'), undefined)
    assert.equal(matchRoute(parseRouteTemplate('backends'), '/backend\u017f'), undefined)
  })
})

describe('routing', () => {
  it('matches no path that the host reserves, whatever is registered', () => {
    const bindings = { trigger: { type: 'httpTrigger', authLevel: 'anonymous', methods: ['GET'], route: '{*path}' } }
    const routes = createHttpRoutes([{ metadata: { name: 'all', bindings }, callback() {} }], '')
    assert.ok(findRoute(routes, 'GET', '/administration') !== undefined)
    for (const path of ['/admin', '/Admin/host', '/runtime/x'])
      assert.equal(findRoute(routes, 'GET', path), undefined, path)
  })
})

describe('DER', () => {
  it('writes lengths in the short and the long form', () => {
    assert.deepEqual(
      [
        tlv(4, Buffer.alloc(127)).subarray(0, 2),
        tlv(4, Buffer.alloc(128)).subarray(0, 3),
        tlv(4, Buffer.alloc(256)).subarray(0, 4),
      ].map((bytes) => bytes.toString('hex')),
      ['047f', '048180', '04820100'],
    )
  })

  it('keeps integers positive and writes object identifiers in base 128', () => {
    assert.equal(integer(Buffer.from([0x80])).toString('hex'), '02020080')
    assert.equal(objectIdentifier('1.2.840.113549.1.1.11').toString('hex'), '06092a864886f70d01010b')
  })
})

describe('start options', () => {
  it('name their ports', () => {
    assert.deepEqual(
      parseStartOptions([
        '--port',
        '7071',
        '--tls-port=0',
        '--arm-port',
        '1',
        '--identity-port',
        '2',
        '--issuer-port',
        '3',
        '--control-port',
        '4',
        '--info',
        'f',
      ]),
      {
        azure: false,
        func: false,
        identityStorage: false,
        help: false,
        port: 7071,
        tlsPort: 0,
        armPort: 1,
        identityPort: 2,
        issuerPort: 3,
        controlPort: 4,
        info: 'f',
      },
    )
  })

  it('say that storage is reached with the managed identity', () =>
    assert.equal(parseStartOptions(['--identity-storage']).identityStorage, true))

  for (const args of [
    ['--port', 'x'],
    ['--port', '70000'],
    ['--port', '-1'],
    ['--colour'],
    ['extra'],
    ['--azure', '--arm-port', '1'],
    ['--azure', '--info', 'f'],
    ['--azure', '--func'],
    ['--azure', '--identity-storage'],
  ]) {
    it(`refuse ${args.join(' ')} in words`, () => assert.throws(() => parseStartOptions(args), UsageError))
  }
})

describe('log lines', () => {
  const record = { level: 'warning', category: 'user', message: 'late', functionName: 'echo' } as const
  const debugging = { level: 'debug', category: 'system', message: 'x' } as const

  it('for a terminal name level and function, and leave the debugging of the worker out', () => {
    assert.equal(toLogLine(record, 0), '00:00:00.000 WRN [echo] late\n')
    assert.equal(toLogLine(debugging, 0), undefined)
  })

  it('for a terminal write a structured message as names and values', () => {
    const event = {
      event: 'reconnect.decision',
      outcome: 'joined',
      caller: { kind: 'user', name: 'A B' },
      due: null,
      list: [1],
    }
    assert.equal(
      toLogLine({ ...record, message: JSON.stringify(event) }, 0),
      '00:00:00.000 WRN [echo] reconnect.decision outcome=joined caller.kind=user caller.name="A B" due=null list=[1]\n',
    )
    assert.equal(toLogLine({ ...record, message: '{no JSON' }, 0), '00:00:00.000 WRN [echo] {no JSON\n')
  })

  it('for a program are one JSON object each, with the message as the app wrote it', () => {
    const message = '{"event":"x"}'
    assert.deepEqual(JSON.parse(toJsonLine({ ...record, message }, 0) ?? ''), {
      ...record,
      message,
      time: '1970-01-01T00:00:00.000Z',
    })
    assert.equal(toJsonLine(debugging, 0), undefined)
    const printed = toJsonOutput('one\ntwo\n', 0).trimEnd().split('\n')
    assert.deepEqual(
      printed.map((line) => (JSON.parse(line) as { message: string }).message),
      ['one', 'two'],
    )
  })
})
