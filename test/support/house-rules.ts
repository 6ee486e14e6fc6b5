import type { Import } from './imports.ts'

interface Room {
  /** Paths below src (a folder, or one file) that this room may import; `types` says: with `import type` only. */
  readonly mayImport: Readonly<Record<string, 'values' | 'types'>>
  /** The end of the sentence "… belongs elsewhere: ". */
  readonly because: string
}

const ADAPTER = {
  domain: 'values',
  shared: 'values',
  'reconnect/ports.ts': 'types',
  'reconnect/alert-ports.ts': 'types',
  'reconnect/operator-ports.ts': 'types',
  'config/config.ts': 'types',
} as const
const ADAPTERS_MEET =
  'adapters know the domain and see the ports of reconnect as types; what two of them need goes to domain or shared, and they meet in composition.ts alone.'

/** The rooms of src and what each may import. Arrows point inward. */
export const ROOMS: Readonly<Record<string, Room>> = {
  shared: {
    mayImport: {},
    because:
      'shared imports no other room. What is about backends or callers belongs in domain; what only one room uses belongs there.',
  },
  domain: {
    mayImport: { shared: 'values' },
    because: 'domain has the types that every room uses, without I/O. Put I/O into an adapter and pass in its result.',
  },
  policy: { mayImport: ADAPTER, because: ADAPTERS_MEET },
  identity: { mayImport: ADAPTER, because: ADAPTERS_MEET },
  // Our own identity, for ARM and for storage: composition.ts hands its tokens to both.
  'managed-identity': { mayImport: ADAPTER, because: ADAPTERS_MEET },
  // Permission is a type: sending takes what only authorize() makes.
  arm: {
    mayImport: {
      ...ADAPTER,
      'policy/authorize.ts': 'types',
      transport: 'values',
      'managed-identity/token-source.ts': 'types',
      'managed-identity/uncached.ts': 'values',
    },
    because: ADAPTERS_MEET,
  },
  audit: { mayImport: ADAPTER, because: ADAPTERS_MEET },
  // An alert is read by the format that its webhook has in the policy.
  alerts: {
    mayImport: { domain: 'values', shared: 'values', 'policy/policy-document.ts': 'types' },
    because:
      'alerts are read without I/O: payload in, backend out. Who may use it is for policy, what becomes of it for reconnect.',
  },
  delivery: { mayImport: ADAPTER, because: ADAPTERS_MEET },
  // What authorize() has permitted is coordinated, and written with the keys and faults of the store that is passed in.
  coordination: {
    mayImport: {
      ...ADAPTER,
      'policy/authorize.ts': 'types',
      'storage/store.ts': 'values',
      'storage/keys.ts': 'values',
    },
    because: ADAPTERS_MEET,
  },
  operations: {
    mayImport: {
      ...ADAPTER,
      'storage/store.ts': 'values',
      'storage/keys.ts': 'values',
      'storage/batch-writer.ts': 'values',
      'storage/operator-store.ts': 'values',
      'storage/operator-rows.ts': 'values',
    },
    because: ADAPTERS_MEET,
  },
  // A row is written from a slot, and an empty slot has none.
  storage: { mayImport: { ...ADAPTER, 'coordination/slot.ts': 'values', transport: 'values' }, because: ADAPTERS_MEET },
  transport: {
    mayImport: {},
    because: 'transport carries requests of any SDK. What is about one service belongs in its room.',
  },
  // The policy document is a setting: config finds it, policy says what it means.
  config: {
    mayImport: { domain: 'values', shared: 'values', 'policy/policy-document.ts': 'values' },
    because:
      'config reads settings and returns them; it starts nothing and calls no service. Wire it up in composition.ts.',
  },
  reconnect: {
    mayImport: {
      domain: 'values',
      shared: 'values',
      policy: 'values',
      // Pure, both of them: what an alert asks for, and when a delivery is tried again.
      alerts: 'values',
      'delivery/decide-delivery.ts': 'values',
      'audit/event.ts': 'types',
      'config/config.ts': 'types',
      'identity/credentials.ts': 'types',
    },
    because: 'a story declares what it needs in a file of ports, and composition.ts passes in the adapters.',
  },
  http: {
    // The published schema of the body is the one that reads it.
    mayImport: {
      domain: 'values',
      shared: 'values',
      audit: 'values',
      reconnect: 'types',
      'reconnect/parse-command.ts': 'values',
      'identity/credentials.ts': 'types',
    },
    because:
      'http turns facts into answers and decides nothing. Decisions belong in reconnect, wiring in composition.ts.',
  },
  functions: {
    mayImport: {
      'composition.ts': 'values',
      reconnect: 'values',
      http: 'values',
      audit: 'values',
      domain: 'values',
      shared: 'values',
      // What a queue trigger hands over is read here, as what an HTTP trigger does is in http.
      'delivery/message.ts': 'values',
      // The bytes of the console, loaded with the first request for it.
      'console-files.ts': 'values',
    },
    because: 'a function file only carries facts between host and story. Ask composition() for what adapters do.',
  },
  console: {
    mayImport: {},
    because:
      'the page runs in a browser and talks to the API as any client does. Write down in src/console what it needs.',
  },
  'console-files.ts': {
    mayImport: {},
    because: 'console-files.ts is what build.ts makes of src/console, and has no code of its own.',
  },
  cli: {
    mayImport: {
      config: 'values',
      policy: 'values',
      alerts: 'values',
      domain: 'values',
      shared: 'values',
      // What an alert comes to is judged by the very code that serves it.
      'reconnect/judge-alert.ts': 'values',
      // docs/openapi-3.0.json is what the app says of its own routes.
      'http/openapi/document.ts': 'values',
      'http/openapi/to-openapi-3-0.ts': 'values',
      'functions/routes.ts': 'values',
    },
    because: 'a command on the terminal uses what serves requests, and never talks to Azure.',
  },
  'composition.ts': {
    mayImport: {
      arm: 'values',
      audit: 'values',
      config: 'values',
      delivery: 'values',
      identity: 'values',
      coordination: 'values',
      operations: 'values',
      storage: 'values',
      'managed-identity': 'values',
      policy: 'values',
      shared: 'values',
      'azure-sdk.ts': 'values',
      'azure-queue.ts': 'values',
      'developer-sign-in.ts': 'values',
      // Operations keep failures in the words of the wire.
      'http/failure-reply.ts': 'values',
      domain: 'values',
      http: 'types',
      reconnect: 'types',
    },
    because: 'composition.ts wires rooms and does nothing else. Triggers belong in functions, decisions in reconnect.',
  },
  'azure-sdk.ts': {
    mayImport: {
      arm: 'values',
      'managed-identity/managed-identity.ts': 'values',
      'storage/tables.ts': 'values',
    },
    because: 'azure-sdk.ts is the door to what a reconnect reads late, and holds no code of its own.',
  },
  'azure-queue.ts': {
    mayImport: { 'delivery/open-queue.ts': 'values' },
    because: 'azure-queue.ts is the door to what an alert reads late, and holds no code of its own.',
  },
  'developer-sign-in.ts': {
    mayImport: { 'managed-identity/developer-credential.ts': 'values' },
    because: 'developer-sign-in.ts is the door to what is never read on Azure, and holds no code of its own.',
  },
  'warm-up.ts': {
    mayImport: { functions: 'values', 'shared/once.ts': 'values' },
    because: 'warming up is what the functions say it is.',
  },
  'index.ts': {
    mayImport: { functions: 'values', 'warm-up.ts': 'values', 'config/storage-prefix.ts': 'values' },
    because: 'index.ts registers the functions of routes.ts, nothing else.',
  },
}

/** The rooms or files that may import values of a package. Types may be imported anywhere. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@azure/arm-apimanagement': ['arm'],
  '@azure/core-rest-pipeline': ['transport'],
  '@azure/data-tables': ['storage/tables.ts'],
  '@azure/identity': ['managed-identity/developer-credential.ts'],
  '@azure/msal-node': ['managed-identity/managed-identity.ts'],
  '@azure/storage-queue': ['delivery/open-queue.ts'],
  undici: ['transport'],
  jose: ['identity'],
  preact: ['console'],
  oauth4webapi: ['console'],
  '@azure/functions': ['index.ts'],
  // Schemas stand beside what they describe, and are published from there.
  zod: ['policy', 'reconnect', 'http', 'storage', 'cli'],
}

export function roomOf(file: string): string {
  return file.split('/')[1] as string
}

/** Undefined, or a sentence that says where the code belongs. */
export function importFault({ from, to, isPackage, isType }: Import): string | undefined {
  const room = roomOf(from)
  if (isPackage) return packageFault(from, room, to, isType)
  if (!to.startsWith('src/'))
    return `${from} imports ${to}: what is deployed knows nothing of sandbox, tests and benchmarks. Move what both need into src, or do without.`
  const target = to.slice('src/'.length)
  if (roomOf(to) === room) return undefined
  const rules = ROOMS[room]
  if (rules === undefined)
    return `${from} is in a room without rules. Say in test/support/house-rules.ts what "${room}" may import.`
  const allowed = rules.mayImport[target] ?? rules.mayImport[roomOf(to)]
  if (allowed === 'values' || (allowed === 'types' && isType)) return undefined
  if (allowed === 'types')
    return `${from} imports values of ${to}, of which it may see types only ("import type"): ${rules.because}`
  return `${from} imports ${to}. This belongs elsewhere: ${rules.because}`
}

function packageFault(from: string, room: string, name: string, isType: boolean): string | undefined {
  if (name.startsWith('node:')) return undefined
  const homes = HOMES[name]
  if (homes === undefined)
    return `${from} imports ${name}, which has no home yet. Runtime dependencies are few: name its room in test/support/house-rules.ts and its reason in the README.`
  if (isType || homes.includes(room) || homes.includes(from.slice('src/'.length))) return undefined
  return `${from} imports ${name}, which lives in ${homes.map((home) => `src/${home}`).join(', ')} alone: call what that room offers, through the ports of reconnect.`
}

/** Code that only the named files may contain. */
const SAYINGS: readonly { readonly pattern: RegExp; readonly mayStandIn: RegExp; readonly advice: string }[] = [
  {
    pattern: /\bprocess\s*(?:\.\s*env|\[\s*'env'\s*\])|\benv\b[^\n]*\bfrom 'node:process'/,
    mayStandIn: /^src\/config\//,
    advice: 'reads the environment: settings are read in src/config; take what you need as an argument.',
  },
  {
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bDate\(\s*\)|\bperformance\.now\b|\bhrtime\b/,
    mayStandIn: /^src\/(?:shared|console)\/clock\.ts$/,
    advice: 'looks at the time: take a Clock (src/shared/clock.ts), so that tests can move it.',
  },
  {
    pattern: /\bconsole\.(?!ts\b)/,
    mayStandIn: /^src\/(?:shared\/log\.ts|cli\/)/,
    advice: 'writes to the console: take a Log (src/shared/log.ts), or write an audit event.',
  },
]

export function sayingFaults(file: string, code: string): readonly string[] {
  return SAYINGS.filter(({ pattern, mayStandIn }) => pattern.test(code) && !mayStandIn.test(file)).map(
    ({ advice }) => `${file} ${advice}`,
  )
}

const FOCUSED_OR_SKIPPED =
  /\b(?:test|it|describe|suite|t|context)\s*\.\s*(?:only|skip|todo)\s*\(|[{,]\s*(?:only|skip|todo)\s*:/

/** They drive programs that `npm ci` does not install, and must not say that they did where there are none. */
const DRIVE_PROGRAMS: ReadonlySet<string> = new Set([
  'test/conformance/alertmanager.test.ts',
  'test/console/console-room.ts',
  'test/clients/openapi-readers.check.ts',
  'test/model/coordination.check.ts',
  'test/sandbox/portable.test.ts',
  'test/infra/bicep.ts',
  'test/docs.test.ts',
  'test/readme.test.ts',
])

/** Skipped tests prove nothing, and a focused one hides the others. */
export function testFault(file: string, code: string): string | undefined {
  return FOCUSED_OR_SKIPPED.test(DRIVE_PROGRAMS.has(file) ? code.replaceAll(/(?:return )?t\.skip\(/g, '') : code)
    ? `${file} focuses or skips a test: repair it, or delete it and say why.`
    : undefined
}
