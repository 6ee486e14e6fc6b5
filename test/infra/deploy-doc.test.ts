/** What docs/deploy.md, the pipelines and README's Deploy section name exists, and the settings are those that the templates read. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { parse as parseYaml } from 'yaml'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import { quoted } from '../support/documents.ts'
import { bash } from '../support/terminal.ts'

const read = (name: string): string => readFileSync(join(PROJECT_ROOT, name), 'utf8')
const GUIDE = read('docs/deploy.md')
const BLOCKS = [...GUIDE.matchAll(/^ *```sh\n([\s\S]*?)^ *```$/gm)].map(([, text = '']) => text)
const PIPELINES = ['github-deploy.yml', 'azure-pipelines.yml'].map((name) => `examples/pipelines/${name}`)
const { scripts } = JSON.parse(read('package.json')) as { scripts: object }
/** `readEnvironmentVariable('NAME', 'default')`. */
const PARAMETERS = new Map(
  [...read('infra/main.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)', '([^']*)'\)/g)].map(
    ([, name = '', value = '']) => [name, value],
  ),
)
/** Read by the build and by `npm run deploy:check`. */
const OF_THE_BUILD = ['RECONNECT_BUILD_POLICY']

describe('docs/deploy.md', () => {
  it('lists every setting of main.bicepparam with its default, and no other', () => {
    const start = GUIDE.indexOf('| setting | default | meaning |')
    const rows = GUIDE.slice(start).split('\n\n')[0]?.split('\n').slice(2) ?? []
    const listed = rows.flatMap((row) => {
      const [, names = '', defaults = ''] = row.split('|')
      const values = quoted(defaults)
      return quoted(names).map((name, index) => [name, values[index] ?? values[0] ?? ''] as const)
    })
    assert.deepEqual(Object.fromEntries(listed), Object.fromEntries(PARAMETERS))
  })

  it('sets nothing else, there and in the pipelines', () => {
    const known = new Set([...PARAMETERS.keys(), ...OF_THE_BUILD])
    for (const name of [GUIDE, read('README.md')].flatMap((text) =>
      [...text.matchAll(/azd env set (\w+)/g)].map(([, one = '']) => one),
    ))
      assert.ok(known.has(name), name)
    for (const pipeline of PIPELINES) {
      const names = [...read(pipeline).matchAll(/^ +([A-Z][A-Z0-9_]+): /gm)].map(([, name = '']) => name)
      for (const name of names)
        assert.ok(
          known.has(name) ||
            ['AZURE_CLIENT_ID', 'AZURE_TENANT_ID', 'AZURE_SUBSCRIPTION_ID', 'KEY_VAULT_NAME'].includes(name),
          `${pipeline}: ${name}`,
        )
    }
  })

  it('asks azd for outputs of main.bicep, or for what it has set', () => {
    const outputs = [...read('infra/main.bicep').matchAll(/^output (\w+) /gm)].map(([, name]) => name)
    for (const [, name = ''] of GUIDE.matchAll(/azd env get-value (\w+)/g))
      assert.ok(outputs.includes(name) || PARAMETERS.has(name), name)
  })

  it('gives templates the parameters that they have, and all that they need', () => {
    const commands = BLOCKS.join('\n')
      .replaceAll('\\\n', ' ')
      .matchAll(/az deployment (?:group|sub) create .*?-f (\S+) .*?-p ([^\n]+)/g)
    let seen = 0
    for (const [, file = '', given = ''] of commands) {
      const text = read(file)
      const has = [...text.matchAll(/^param (\w+) [^\n=]+(= )?/gm)].map(([, name = '', value]) => ({
        name,
        isOptional: value !== undefined,
      }))
      const names = [...given.matchAll(/(?:^| )([a-zA-Z]+)=/g)].map(([, name = '']) => name)
      for (const name of names)
        assert.ok(
          has.some((one) => one.name === name),
          `${file}: ${name}`,
        )
      if (names.length > 0)
        for (const { name, isOptional } of has) assert.ok(isOptional || names.includes(name), `${file} needs ${name}`)
      seen++
    }
    assert.equal(seen, 4)
  })

  it('gives npm run entra:register options that it has', async () => {
    const { stdout } = await bash('npm run --silent entra:register -- --help')
    for (const text of [GUIDE, read('README.md')])
      for (const [, options = ''] of text.matchAll(/npm run entra:register -- ([^\n`#]+)/g))
        for (const [option] of options.matchAll(/--[a-z-]+/g)) assert.ok(stdout.includes(`  ${option}`), option)
  })

  it('names scripts, files and rules that exist', () => {
    for (const text of [GUIDE, ...PIPELINES.map(read)])
      for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:-]+)/g))
        assert.ok(Object.hasOwn(scripts, name), name)
    for (const [, link = ''] of GUIDE.matchAll(/\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(join(PROJECT_ROOT, 'docs', link)), link)
    for (const path of quoted(GUIDE).filter((text) => /^infra\/[\w./-]+$/.test(text)))
      assert.ok(existsSync(join(PROJECT_ROOT, path)), path)
    const rules = [...GUIDE.matchAll(/^\| `(reconnect-[a-z-]+)` \| ([0-9])/gm)].map(
      ([, name, severity]) => `${name} ${severity}`,
    )
    const defined = [
      ...read('infra/modules/own-alerts.bicep').matchAll(/name: '(reconnect-[a-z-]+)'[\s\S]*?severity: ([0-9])/g),
    ].map(([, name, severity]) => `${name} ${severity}`)
    assert.deepEqual(rules, defined)
  })

  it('is in commands that a shell can read', async () => {
    for (const block of BLOCKS)
      assert.equal((await bash(`bash -n <<'END'\n${block.replaceAll(/<([^>\n]+)>/g, '"$1"')}\nEND`)).stderr, '')
  })
})

describe('the pipelines', () => {
  for (const pipeline of PIPELINES)
    it(`${dirname(pipeline)}: ${pipeline} is YAML, holds no secret, and ends with a look at /health/ready`, () => {
      const text = read(pipeline)
      assert.ok(parseYaml(text))
      assert.doesNotMatch(text, /\bsecrets\.|password|client[-_]secret/i)
      assert.match(text, /azd deploy --no-prompt[\s\S]*\/health\/ready/)
    })
})
