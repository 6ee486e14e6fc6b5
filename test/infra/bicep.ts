import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'
import type { Scope } from '../support/start-sandbox.ts'

export const INFRA = join(PROJECT_ROOT, 'infra')
export const TENANT = '88888888-0000-4000-8000-000000000001'
export const SUBSCRIPTION = '99999999-0000-4000-8000-000000000001'

export interface Output {
  readonly code: number
  /** Both streams: the compiler writes findings to one and answers to the other. */
  readonly text: string
}

export interface Bicep {
  readonly run: (folder: string, args: readonly string[], env?: NodeJS.ProcessEnv) => Promise<Output>
}

/** The Bicep CLI of infra/bicep.proj, or why there is none. */
type Cli = Bicep | { readonly absent: string }

/** The tests of the templates; without the compiler one that is skipped, and a line on stderr that is hard to miss. */
export function withBicep(title: string, tests: (bicep: Bicep) => void): void {
  const cli = findBicep()
  if (!('absent' in cli)) {
    describe(title, () => tests(cli))
    return
  }
  const reason = `THE BICEP TEMPLATES WERE NOT CHECKED: the Bicep CLI could not be restored (${cli.absent})`
  process.stderr.write(`\n${reason}\n\n`)
  it(title, (t) => t.skip(reason))
}

/** A resource as the deployment would write it. What only Azure knows stays an expression: `[reference(…)]`. */
export interface Predicted {
  readonly id: string
  readonly type: string
  readonly name: string
  readonly scope?: string
  // oxlint-disable-next-line typescript/no-explicit-any -- the schema of each resource type is Azure's
  readonly properties: any
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly [member: string]: any
}

function findBicep(): Cli {
  try {
    const binary = restored() ?? restore()
    return {
      async run(folder, args, env = {}) {
        try {
          const { stdout, stderr } = await promisify(execFile)(binary, [...args], {
            cwd: folder,
            env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
          })
          return { code: 0, text: stdout + stderr }
        } catch (error) {
          const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
          return { code, text: `${stdout}${stderr}` }
        }
      },
    }
  } catch (error) {
    const { message, stdout } = error as { message: string; stdout?: string }
    return { absent: `${message.split('\n')[0]} ${stdout?.trim() ?? ''}` }
  }
}

/** Where bicep.proj puts the binary. NuGet writes `.nupkg.metadata` last: before that, another process is still unpacking it. */
function restored(): string | undefined {
  const version =
    /<BicepVersion>([0-9.]+)<\/BicepVersion>/.exec(readFileSync(join(INFRA, 'bicep.proj'), 'utf8'))?.[1] ?? ''
  const system = { win32: 'win', darwin: 'osx' }[process.platform as string] ?? 'linux'
  const folder = `azure.bicep.commandline.${system}-${process.arch}`
  const place = join(INFRA, '.bicep', folder, version)
  const binary = join(place, 'tools', system === 'win' ? 'bicep.exe' : 'bicep')
  return existsSync(join(place, '.nupkg.metadata')) && existsSync(binary) ? binary : undefined
}

/** Two test files may restore at once: NuGet guards the shared package folder, and each has a project folder of its own. */
function restore(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bicep-restore-'))
  try {
    execFileSync('dotnet', ['restore', 'bicep.proj', `-p:MSBuildProjectExtensionsPath=${folder}/`], {
      cwd: INFRA,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  const binary = restored()
  if (binary === undefined) throw new Error('dotnet restore infra/bicep.proj brought no Bicep CLI')
  return binary
}

/** A copy of infra/ without the Entra part, which needs an extension from a registry: the compiler writes beside what it reads. */
export async function copyOfInfra(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'infra-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  await cp(INFRA, folder, { recursive: true, filter: (path) => !/[\\/](?:\.bicep|entra)$/.test(path) })
  return folder
}

/** What the deployment of a parameter file would write, with this environment. */
export async function predict(
  cli: Bicep,
  folder: string,
  file: string,
  env: NodeJS.ProcessEnv,
  resourceGroup?: string,
): Promise<readonly Predicted[]> {
  const target = [
    '--subscription-id',
    SUBSCRIPTION,
    '--tenant-id',
    TENANT,
    '--location',
    'westeurope',
    '--deployment-name',
    'test',
  ]
  const group = resourceGroup === undefined ? [] : ['--resource-group', resourceGroup]
  const { code, text } = await cli.run(folder, ['snapshot', file, '--mode', 'overwrite', ...target, ...group], env)
  // The command announces that it is experimental in some versions; a finding has a place.
  if (code !== 0) throw new Error(text)
  const snapshot = JSON.parse(await readFile(join(folder, file.replace('.bicepparam', '.snapshot.json')), 'utf8')) as {
    predictedResources: Predicted[]
    diagnostics: unknown[]
  }
  if (snapshot.diagnostics.length > 0) throw new Error(JSON.stringify(snapshot.diagnostics))
  return snapshot.predictedResources
}

/** Types of Microsoft Graph with the members that entra/main.bicep uses, so that it compiles without a registry. */
export async function withGraphTypes(cli: Bicep, scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'entra-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  await cp(join(INFRA, 'entra'), folder, { recursive: true })
  const config = JSON.parse(await readFile(join(folder, 'bicepconfig.json'), 'utf8')) as object
  await writeFile(
    join(folder, 'bicepconfig.json'),
    JSON.stringify({ ...config, extensions: { microsoftGraphV1: './graph.tgz' } }),
  )
  const types: unknown[] = [
    { $type: 'StringType' },
    { $type: 'AnyType' },
    { $type: 'ArrayType', itemType: { $ref: '#/0' } },
  ]
  const resources: Record<string, { $ref: string }> = {}
  for (const [name, required, optional, readOnly] of [
    [
      'applications',
      ['uniqueName', 'displayName'],
      ['signInAudience', 'identifierUris', 'owners', 'spa', 'api', 'appRoles'],
      ['id', 'appId'],
    ],
    ['servicePrincipals', ['appId'], [], ['id']],
    ['appRoleAssignedTo', ['appRoleId', 'principalId', 'resourceId'], [], ['id']],
  ] as const) {
    const members = [
      ...required.map((member) => [member, 1, 0]),
      ...optional.map((member) => [member, 0, 1]),
      ...readOnly.map((member) => [member, 2, 0]),
    ]
    const properties = Object.fromEntries(
      members.map(([member, flags, type]) => [member, { type: { $ref: `#/${type}` }, flags }]),
    )
    const id = `Microsoft.Graph/${name}@v1.0`
    types.push({ $type: 'ObjectType', name, properties })
    types.push({
      $type: 'ResourceType',
      name: id,
      body: { $ref: `#/${types.length - 1}` },
      readableScopes: 31,
      writableScopes: 31,
    })
    resources[id] = { $ref: `types.json#/${types.length - 1}` }
  }
  const settings = { name: 'MicrosoftGraph', version: '1.0.0', isSingleton: false }
  await writeFile(join(folder, 'types.json'), JSON.stringify(types))
  await writeFile(join(folder, 'index.json'), JSON.stringify({ resources, resourceFunctions: {}, settings }))
  const { code, text } = await cli.run(folder, ['publish-extension', 'index.json', '--target', './graph.tgz'])
  if (code !== 0) throw new Error(text)
  return folder
}
