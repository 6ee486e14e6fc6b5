/** What an editor makes of policy.schema.json: the language service of VS Code, whose hover, completion and diagnostics these are. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as editors from 'vscode-json-languageservice'
import { SAMPLE } from './a-policy.ts'

/** A CommonJS module, whose exports Node does not all find by name. */
const editor = (editors as unknown as { readonly default: typeof editors }).default
type TextDocument = editors.TextDocument
type JSONDocument = editors.JSONDocument

const SCHEMA_URI = 'file:///policy.schema.json'
const service = editor.getLanguageService({ workspaceContext: { resolveRelativePath: () => SCHEMA_URI } })
service.configure({
  validate: true,
  schemas: [
    {
      uri: SCHEMA_URI,
      fileMatch: ['*'],
      schema: JSON.parse(readFileSync(new URL('../../../policy.schema.json', import.meta.url), 'utf8')) as object,
    },
  ],
})

function open(text: string): { readonly document: TextDocument; readonly json: JSONDocument } {
  const document = editor.TextDocument.create('file:///policy.json', 'json', 1, text)
  return { document, json: service.parseJSONDocument(document) }
}

/** The text behind `|` is looked at. */
async function hoverAt(text: string): Promise<string> {
  const { document, json } = open(text.replace('|', ''))
  const hover = await service.doHover(document, document.positionAt(text.indexOf('|')), json)
  return JSON.stringify(hover?.contents ?? '')
}

async function offeredAt(text: string): Promise<readonly string[]> {
  const { document, json } = open(text.replace('|', ''))
  const list = await service.doComplete(document, document.positionAt(text.indexOf('|')), json)
  return (list?.items ?? []).map(({ label }) => label.replaceAll('"', ''))
}

async function problemsOf(value: unknown): Promise<readonly string[]> {
  const { document, json } = open(JSON.stringify(value))
  return (await service.doValidation(document, json)).map(({ message }) =>
    typeof message === 'string' ? message : message.value,
  )
}

/** Every member of a value with its place in the text, marked. */
function marked(value: unknown): readonly { readonly name: string; readonly text: string }[] {
  const text = JSON.stringify(value)
  return [...text.matchAll(/"((?:[^"\\]|\\.)*)":/g)].map((match) => ({
    name: match[1] ?? '',
    text: `${text.slice(0, match.index + 1)}|${text.slice(match.index + 1)}`,
  }))
}

/** Names that the author of the document chose have no text of their own. */
const CHOSEN: ReadonlySet<string> = new Set(['alertRule'])

const WHOLE = {
  ...SAMPLE,
  limits: { perBackend: { count: 6, window: 'PT1H' }, notHelping: { count: 3 } },
  webhooks: {
    a: {
      format: 'azure-monitor',
      mode: 'dry-run',
      authentication: { type: 'entra', role: 'Sender', appIds: ['11111111-2222-3333-4444-555555555555'] },
      match: { alertRule: 'x' },
      effect: { confirmWithin: 'PT45M', resolveLag: 'PT15M', settle: 'PT10M', confirms: true },
    },
    b: {
      format: 'alertmanager',
      backend: '{id}',
      after: 'PT2M',
      authentication: { type: 'basic', username: 'u', secret: 'A', nextSecret: 'B' },
    },
    c: {
      format: 'grafana',
      backend: '{id}',
      authentication: { type: 'hmac', secret: 'C', header: 'X-S', timestampHeader: 'X-T', toleranceSeconds: 5 },
    },
    d: { format: 'generic', authentication: { type: 'query', parameter: 'code', secret: 'D' } },
  },
  grants: [{ principal: 'role:a', scope: '/subscriptions/11111111-2222-3333-4444-555555555555', actions: ['read'] }],
}

describe('policy.schema.json in an editor', () => {
  it('has nothing to say about a valid document', async () => assert.deepEqual(await problemsOf(WHOLE), []))

  for (const { name, text } of marked(WHOLE).filter(({ name }) => !CHOSEN.has(name))) {
    it(`shows what ${name} is: ${text.slice(Math.max(0, text.indexOf('|') - 30), text.indexOf('|'))}`, async () =>
      assert.match(await hoverAt(text), /[a-z]{3}/))
  }

  it('offers every kind of proof, also where the rest already fits one of them', async () => {
    const all = ['entra', 'hmac', 'standard-webhooks', 'bearer', 'basic', 'query']
    for (const rest of ['', ',"secret":"A"', ',"username":"u","secret":"A"']) {
      const offered = await offeredAt(`{"webhooks":{"a":{"authentication":{"type":"|"${rest}}}}}`)
      assert.deepEqual(
        all.filter((type) => !offered.includes(type)),
        [],
        rest,
      )
    }
  })

  it('offers every format, also where there is a backend template', async () => {
    const all = ['azure-monitor', 'alertmanager', 'grafana', 'event-grid', 'generic']
    for (const rest of ['', ',"backend":"{id}"']) {
      const offered = await offeredAt(`{"webhooks":{"a":{"format":"|"${rest}}}}`)
      assert.deepEqual(
        all.filter((format) => !offered.includes(format)),
        [],
        rest,
      )
    }
  })

  it('offers every action', async () => {
    const offered = await offeredAt('{"grants":[{"actions":["|"]}]}')
    assert.deepEqual(offered.toSorted(), ['force', 'pause', 'read', 'reconnect'])
  })

  const wrong: readonly (readonly [what: string, document: unknown, words: RegExp])[] = [
    ['a scope', { grants: [{ principal: 'role:a', scope: '/subscriptions/x' }] }, /expected a resource id from/],
    ['a principal', { grants: [{ principal: 'x', scope: WHOLE.grants[0]?.scope }] }, /expected 'app:<client id>'/],
    ['a duration', { deliverWithin: 'six hours' }, /expected a positive ISO 8601 duration/],
    [
      'a template',
      { webhooks: { b: { ...WHOLE.webhooks.b, backend: 'x' } } },
      /expected a resource id with attributes/,
    ],
    [
      'the name of a setting',
      { webhooks: { d: { format: 'generic', authentication: { type: 'bearer', secret: 'a-b' } } } },
      /expected the NAME of an app setting/,
    ],
    ['an action', { grants: [{ ...WHOLE.grants[0], actions: ['write'] }] }, /reconnect.*read.*force/],
  ]
  for (const [what, document, words] of wrong) {
    it(`says in words what is wrong with ${what}`, async () => {
      const problems = await problemsOf(document)
      assert.ok(
        problems.some((message) => words.test(message)),
        problems.join('\n'),
      )
      for (const message of problems) assert.doesNotMatch(message, /\[A-Z|\{8\}|\^/, 'a pattern is no explanation')
    })
  }
})
