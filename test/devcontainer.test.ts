/** The development container opens ready to run. What an image and its features hold is NOT checked: that needs a registry. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

interface DevContainer {
  readonly image: string
  readonly updateContentCommand: string
  readonly postCreateCommand: string
  readonly postAttachCommand: string
  readonly waitFor: string
  readonly forwardPorts: readonly number[]
}

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'))
const container = read('.devcontainer/devcontainer.json') as DevContainer
const { scripts, devDependencies } = read('package.json') as {
  scripts: Record<string, string>
  devDependencies: Record<string, string>
}

test('runs on the major version of Node that the tests run on', () => {
  const [, major] = /typescript-node:(\d+)/.exec(container.image) ?? []
  assert.equal(major, devDependencies['node']?.split('.')[0])
})

test('installs and builds before it is shown, with scripts that exist', () => {
  const commands = [container.updateContentCommand, container.postCreateCommand, container.postAttachCommand].join(' ')
  assert.match(container.updateContentCommand, /^npm ci$/)
  assert.equal(container.waitFor, 'postCreateCommand')
  for (const [, name = ''] of commands.matchAll(/npm (?:run )?(start|test|build)\b/g)) assert.ok(scripts[name], name)
})

test('forwards the port on which npm start listens', () => {
  const banner = readFileSync(new URL('../sandbox/start-options.ts', import.meta.url), 'utf8')
  for (const port of container.forwardPorts) assert.match(banner, new RegExp(`\\b${port}\\b`))
})
