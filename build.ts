import { resolve } from 'node:path'
import { build, type BuildOptions, type Plugin } from 'esbuild'

/**
 * The deployed app: a CommonJS bundle in three parts, because V8 scans a whole file before it runs the first line.
 * `index` registers the functions and is all that a start loads. The other two are loaded once with `import()`, a moment later.
 */
const PARTS = {
  index: 'src/index.ts',
  application: 'src/functions/handle.ts',
  'azure-sdk': 'src/azure-sdk.ts',
}

const PARTS_STAND_ALONE: Plugin = {
  name: 'parts-stand-alone',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const part = Object.entries(PARTS).find(([, source]) => resolve(source) === resolve(resolveDir, path))
      if (part === undefined)
        throw new Error(
          `'${path}' is imported with import() but is not a part of the bundle: add it to PARTS in build.ts`,
        )
      return { path: `./${part[0]}.cjs`, external: true }
    })
  },
}

/** undici's main file also loads its fetch, WebSocket and cache: half a megabyte that is never used. */
const ONLY_THE_AGENT: Plugin = {
  name: 'only-the-agent',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: 'undici', namespace: 'agent' }))
    onLoad({ filter: /.*/, namespace: 'agent' }, () => ({
      contents: "exports.Agent = require('undici/lib/dispatcher/agent')",
      resolveDir: process.cwd(),
    }))
  },
}

/** `import()` of a part becomes `require`, which V8's compile cache serves. */
const COMMON = {
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  supported: { 'dynamic-import': false },
  // The worker provides this module; it must not be bundled.
  external: ['@azure/functions-core'],
  plugins: [PARTS_STAND_ALONE, ONLY_THE_AGENT],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  logLevel: 'warning',
} as const satisfies BuildOptions

const { application, ...foreign } = PARTS
// Our own functions keep their names for stack traces. The libraries' names are shortened, because V8 scans all of them.
await Promise.all([
  build({ ...COMMON, entryPoints: { application } }),
  build({ ...COMMON, entryPoints: foreign, minifyIdentifiers: true }),
])
