import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { describe, test } from 'node:test'
import { citationFaults, citedDocuments, linkedFiles, parseSections } from './support/citations.ts'

const CONTRACT = 'docs/contract.md'
/** The agreed text, where it lies beside the project. */
const AGREED = join('..', 'shared', 'CONTRACT.md')
const PLACES = ['src', 'sandbox', 'test', 'bench', 'docs', 'examples', 'infra', '.github', 'bundle', 'build.ts']
const TEXTS = /\.(?:ts|md|bicep|sh|ya?ml|jsonc?)$/
/** Files that quote broken citations, or that are written elsewhere. */
const EXEMPT = new Set([CONTRACT, 'test/citations.test.ts', 'test/support/citations.ts'])

const contract = parseSections(readFileSync(CONTRACT, 'utf8'))

/** Every text of the project, with paths from its root. */
function texts(): readonly string[] {
  const below = (place: string): readonly string[] =>
    statSync(place).isFile()
      ? [place]
      : readdirSync(place, { recursive: true, encoding: 'utf8' }).map((name) =>
          posix.join(place, name.split('\\').join('/')),
        )
  const rootTexts = readdirSync('.').filter((name) => name.endsWith('.md'))
  return [...rootTexts, ...PLACES.filter((place) => existsSync(place)).flatMap(below)].filter(
    (file) => TEXTS.test(file) && !file.includes('node_modules/') && !EXEMPT.has(file) && statSync(file).isFile(),
  )
}

function assertNone(faults: readonly string[]): void {
  assert.ok(faults.length === 0, `\n${faults.join('\n')}\n`)
}

test(`docs/contract.md is the agreed contract${existsSync(AGREED) ? '' : ' (which does not lie beside this copy)'}`, () => {
  if (existsSync(AGREED)) assert.equal(readFileSync(CONTRACT, 'utf8'), readFileSync(AGREED, 'utf8'))
  assert.deepEqual([...contract.keys()], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
})

test('every section that is cited exists, and names its document', () => {
  const files = texts()
  assert.ok(files.length > 200, `only ${files.length} texts were found`)
  assertNone(files.flatMap((file) => citationFaults(file, readFileSync(file, 'utf8'), contract)))
})

test('every document that is cited exists', () => {
  const missing = texts().flatMap((file) =>
    citedDocuments(readFileSync(file, 'utf8'))
      .filter((path) => !existsSync(path) && !isBeginningOfFile(path))
      .map((path) => `${file} cites ${path}, which does not exist.`),
  )
  assertNone(missing)
})

test('every local link of a document leads to a file', () => {
  const broken = texts()
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      linkedFiles(readFileSync(file, 'utf8'))
        .filter((path) => !existsSync(join(dirname(file), path)))
        .map((path) => `${file} links to ${path}, which does not exist.`),
    )
  assertNone(broken)
})

/** A decision may be cited by its number: `docs/decisions/006`. */
function isBeginningOfFile(path: string): boolean {
  const folder = dirname(path)
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(`${basename(path)}-`))
}

describe('the rule for citations', () => {
  const faultsOf = (text: string): readonly string[] => citationFaults('x.ts', text, contract)

  for (const text of [
    '/** Contract, section 5. */',
    '(contract, sections 5 and 6)',
    "/** The whole document of the contract's section 8. */",
    '/** Contract, section 6, "Storage down": reconnects go on. */',
    '/** Contract, section 6, and what section 3 says of it in headers. */',
    '/**\n * Answers suit the sender (contract,\n * section 5).\n */',
    '// RFC 9110, section 5.6.2.',
    '(RFC 7515, section 4.1.11)',
    '"HTTP 1.1 Web Hooks for Event Delivery", section 4',
    'OpenID Connect Discovery 1.0, section 4.3',
    '// passed over, as section 5 of the RFC asks',
  ])
    test(`accepts ${JSON.stringify(text)}`, () => assertNone(faultsOf(text)))

  for (const text of [
    '/** Contract, section 14. */',
    '(contract, sections 5 and 99)',
    '/** Contract, section 6, "Storage up". */',
    '/** See section 5. */',
    '// As section 3 says.',
  ])
    test(`refuses ${JSON.stringify(text)}`, () => assert.equal(faultsOf(text).length, 1))

  test('finds documents and links', () => {
    assert.deepEqual(citedDocuments('see docs/decisions/006. And docs/storage.md, docs/a-b.md.'), [
      'docs/decisions/006',
      'docs/storage.md',
      'docs/a-b.md',
    ])
    assert.deepEqual(linkedFiles('[a](docs/a.md#b) [b](https://x) [c](#d) [e](../e.ts "title")'), [
      'docs/a.md',
      '../e.ts',
    ])
  })
})
