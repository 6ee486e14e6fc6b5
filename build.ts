import { resolve } from 'node:path'
import { build, type Plugin } from 'esbuild'

/**
 * The deployed app: one CommonJS bundle in three parts, because V8 looks at every byte of a file before it runs the first line of it.
 * `index` registers the functions and is all that a start reads; the other two are read with `import()`, once, a moment later.
 */
const PARTS = {
  index: 'src/index.ts',
  application: 'src/functions/handle.ts',
  'azure-sdk': 'src/arm/azure-sdk.ts',
}

const partsStandAlone: Plugin = {
  name: 'parts-stand-alone',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined
      const part = Object.entries(PARTS).find(([, source]) => resolve(source) === resolve(resolveDir, path))
      if (part === undefined) throw new Error(`'${path}' is imported late but is not a part of the bundle: name it in build.ts`)
      return { path: `./${part[0]}.cjs`, external: true }
    })
  },
}

await build({
  entryPoints: PARTS,
  outdir: 'dist',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  target: 'node22',
  format: 'cjs',
  // `import()` of a part becomes `require`, which V8's compile cache serves.
  supported: { 'dynamic-import': false },
  // The worker's own module; it must never be bundled.
  external: ['@azure/functions-core'],
  plugins: [partsStandAlone],
  minify: true,
  keepNames: true,
  legalComments: 'linked',
  logLevel: 'warning',
})
