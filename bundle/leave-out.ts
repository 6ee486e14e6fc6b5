/**
 * What the bundle leaves out of the packages, because nothing in this app can reach it: V8 reads all of a file before it runs the first line.
 * Where a new version of a package has another form, a part grows, and test/infra/package-parts.test.ts fails.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Plugin } from 'esbuild'

/**
 * undici without its fetch, WebSocket, cache and HTTP/2. The agent's connections offer HTTP/1.1 only (`allowH2` is off in version 7), and
 * src/transport/http-client.ts sends text or nothing: no forms, whose encoding is that of fetch.
 */
const ONLY_THE_AGENT: Plugin = {
  name: 'only-the-agent',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'agent' }))
    onResolve({ filter: /\/(?:client-h2|web\/fetch\/body)\.js$/ }, ({ importer, path }) =>
      /[\\/]undici[\\/]lib[\\/]dispatcher[\\/]/.test(importer) ? { path, namespace: 'not-in-agent' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'agent' }, () => ({
      contents: "exports.Agent = require('undici/lib/dispatcher/agent')",
      resolveDir: process.cwd(),
    }))
    onLoad({ filter: /.*/, namespace: 'not-in-agent' }, ({ path }) => ({ contents: throwing(`undici ${path}`) }))
  },
}

/**
 * The client of API Management with one group of operations, `client.backend`, and the descriptions of what that group sends and receives. That
 * src calls no other group is checked by the compiler: `BackendClient` has this one alone.
 */
const ONLY_BACKENDS: Plugin = {
  name: 'only-backends',
  setup({ onLoad, onResolve }) {
    onLoad({ filter: /[\\/]arm-apimanagement[\\/]dist[\\/]esm[\\/]operations[\\/]index\.js$/ }, async ({ path }) => {
      const client = await readFile(join(dirname(path), '../apiManagementClient.js'), 'utf8')
      const groups = [...client.matchAll(/new (\w+Impl)\(this\)/g)].map(([, name]) => name as string)
      if (!groups.includes('BackendImpl')) throw new Error(`${path} has no group of operations for backends`)
      const others = groups.filter((name) => name !== 'BackendImpl')
      return {
        contents: `export { BackendImpl } from './backend.js'
          const absent = new Proxy({}, { get(_, name) { throw new Error('left out of the bundle: ' + String(name)) } })
          function Absent() { return absent }
          export { ${others.map((name) => `Absent as ${name}`).join(', ')} }`,
        resolveDir: dirname(path),
      }
    })
    // Each description is an expression without side effects, but esbuild cannot know that of its patterns and inherited parts.
    onLoad({ filter: IN_DESCRIPTIONS }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(
        /^export const (\w+) = (\{$.*?^\});$/gms,
        'export const $1 = /* @__PURE__ */ (() => ($2))();',
      ),
    }))
    onResolve({ filter: /\/models\/mappers\.js$/ }, ({ importer, resolveDir, path }) =>
      IN_API_MANAGEMENT.test(importer)
        ? { path: importer, namespace: 'mappers', pluginData: join(resolveDir, path), sideEffects: false }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'mappers' }, async ({ path, pluginData }) => ({
      contents: `export { ${(await mappersOf(path, pluginData as string)).join(', ')} } from './mappers.js'`,
      resolveDir: dirname(pluginData as string),
    }))
  },
}
const IN_DESCRIPTIONS = /[\\/]arm-apimanagement[\\/]dist[\\/]esm[\\/]models[\\/](?:mappers|parameters)\.js$/
const IN_API_MANAGEMENT =
  /[\\/]arm-apimanagement[\\/]dist[\\/]esm[\\/](?:apiManagementClient|operations[\\/]backend)\.js$/

/** The names of the mappers that a module of the client uses, and of those that they refer to by class name. */
async function mappersOf(module: string, file: string): Promise<readonly string[]> {
  const text = await readFile(module, 'utf8')
  const mappers = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  const parameters = (await import(pathToFileURL(join(dirname(file), 'parameters.js')).href)) as typeof mappers
  const needed = new Set<string>()
  const visit = (value: unknown): void => {
    const json = JSON.stringify(value)
    if (json.includes('polymorphicDiscriminator')) throw new Error(`${module} chooses among mappers: name them here`)
    for (const [, name = ''] of json.matchAll(/"className":"(\w+)"/g)) add(name)
  }
  const add = (name: string): void => {
    if (needed.has(name) || !Object.hasOwn(mappers, name)) return
    needed.add(name)
    visit(mappers[name])
  }
  for (const [, name = ''] of text.matchAll(/\bMappers\.(\w+)/g)) add(name)
  for (const [, name = ''] of text.matchAll(/\bParameters\.(\w+)/g)) visit(parameters[name])
  return [...needed]
}

/**
 * Modules of Azure's SDKs do nothing when they are evaluated, so that a module of which nothing is used can be left out. Their package.json says so, but
 * a second one beside the modules hides it from esbuild, and that of MSAL is silent.
 */
const MODULES_ARE_PURE: Plugin = {
  name: 'modules-are-pure',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^(?:@azure\/|@typespec\/|\.)/ }, async ({ path, pluginData, ...from }) => {
      const isSdk = path.startsWith('.') ? IN_AZURE_SDK.test(from.importer) : !path.startsWith('@azure/functions')
      if (pluginData === ASKED || !isSdk) return undefined
      const found = await resolve(path, { ...from, pluginData: ASKED })
      return found.errors.length > 0 || found.external ? found : { ...found, sideEffects: false }
    })
  },
}
const ASKED = Symbol('asked')
const IN_AZURE_SDK = /[\\/]node_modules[\\/]@(?:azure|typespec)[\\/](?!functions)/

export const LEAVE_OUT: readonly Plugin[] = [ONLY_THE_AGENT, ONLY_BACKENDS, MODULES_ARE_PURE]

function throwing(name: string): string {
  return `module.exports = new Proxy(function () {}, { get: refuse, apply: refuse })
    function refuse() { throw new Error('left out of the bundle: ' + ${JSON.stringify(name)}) }`
}
