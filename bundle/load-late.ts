/** What the SDKs import at once and almost never use: evaluated, or even read, when it is first used. */
import type { Plugin } from 'esbuild'

/** Table storage answers in JSON. Only a refusal by its front end, before a table is looked at, is XML: its parser is a part of its own. */
const XML_WHEN_IT_COMES: Plugin = {
  name: 'xml-when-it-comes',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@azure\/core-xml$/ }, ({ kind, path }) =>
      kind === 'entry-point' ? undefined : { path, namespace: 'late-xml', sideEffects: false },
    )
    onResolve({ filter: /.*/, namespace: 'late-xml' }, ({ path }) => ({ path, external: true }))
    onLoad({ filter: /.*/, namespace: 'late-xml' }, () => ({
      contents: `export function parseXML(...args) { return require('./azure-xml.cjs').parseXML(...args) }
        export function stringifyXML(...args) { return require('./azure-xml.cjs').stringifyXML(...args) }`,
    }))
  },
}

/** The agents for a proxy, and the packages below them, only where the environment names a proxy. */
const PROXY_WHEN_NAMED: Plugin = {
  name: 'proxy-when-named',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^https?-proxy-agent$/ }, ({ kind, path, resolveDir }) =>
      kind === 'import-statement'
        ? { path, namespace: 'late-proxy', pluginData: resolveDir, sideEffects: false }
        : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'late-proxy' }, ({ path, pluginData }) => {
      const name = path === 'https-proxy-agent' ? 'HttpsProxyAgent' : 'HttpProxyAgent'
      return {
        contents: `export function ${name}(...args) { return Reflect.construct(require('${path}').${name}, args) }`,
        resolveDir: pluginData as string,
      }
    })
  },
}

export const LOAD_LATE: readonly Plugin[] = [XML_WHEN_IT_COMES, PROXY_WHEN_NAMED]
