/** `npm run token -- operator`: mints a token through the running sandbox and prints it, and nothing else. */
import { parseArgs } from 'node:util'
import { TOKEN_KINDS, type TokenKind, type TokenRequest } from './azure/tokens.ts'
import { DEFAULT_INFO_FILE, readInfoFile } from './info-file.ts'

const USAGE = `npm run token -- operator|tool|stranger [options]
  --role R         app role; may be repeated       --group GUID     group; may be repeated
  --app GUID       client id                       --user GUID      object id of a person (a delegated token)
  --scp S          scopes, separated by spaces     --v1, --v2       token version
  --audience A     --tenant GUID                   --expires-in S   seconds from now (negative: expired)
  --info FILE      the sandbox's info file         --control URL    its switchboard
`

class UsageError extends Error {}

try {
  process.stdout.write(`${await mint(process.argv.slice(2))}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof UsageError ? error.message : String(error)}\n`)
  process.exitCode = 1
}

async function mint(args: readonly string[]): Promise<string> {
  const { values, positionals } = parse(args)
  const [kind, ...more] = positionals
  if (kind === undefined || more.length > 0 || !TOKEN_KINDS.includes(kind as TokenKind)) throw new UsageError(USAGE)
  if (values.v1 === true && values.v2 === true) throw new UsageError('--v1 and --v2 exclude each other.')
  const request: TokenRequest = {
    kind: kind as TokenKind,
    ...(values.role !== undefined && { roles: values.role }),
    ...(values.group !== undefined && { groups: values.group }),
    ...(values.app !== undefined && { app: values.app }),
    ...(values.user !== undefined && { user: values.user }),
    ...(values.scp !== undefined && { scp: values.scp }),
    ...(values.audience !== undefined && { audience: values.audience }),
    ...(values.tenant !== undefined && { tenantId: values.tenant }),
    ...(values.v1 === true && { version: 1 as const }),
    ...(values.v2 === true && { version: 2 as const }),
    ...(values['expires-in'] !== undefined && { expiresInSeconds: parseSeconds(values['expires-in']) }),
  }
  const control = values.control ?? (await findControl(values.info ?? DEFAULT_INFO_FILE))
  const response = await fetch(new URL('/tokens', control), { method: 'POST', body: JSON.stringify(request) }).catch(
    () => {
      throw new UsageError(`No sandbox answers at ${control}: start one with "npm start".`)
    },
  )
  const answer = (await response.json()) as { token?: string; error?: string }
  if (answer.token === undefined) throw new UsageError(answer.error ?? `The sandbox answered ${response.status}.`)
  return answer.token
}

async function findControl(infoFile: string): Promise<string> {
  const info = await readInfoFile(infoFile)
  if (info === undefined)
    throw new UsageError(
      'No sandbox is running: start one with "npm start", or name its --info file or --control address.',
    )
  return info.control
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const list = { type: 'string', multiple: true } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: joinNegative(args),
      allowPositionals: true,
      options: {
        role: list,
        group: list,
        app: text,
        user: text,
        scp: text,
        audience: text,
        tenant: text,
        v1: flag,
        v2: flag,
        'expires-in': text,
        info: text,
        control: text,
      },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

/** `--expires-in -60` is meant as it is written; parseArgs would take -60 for an option. */
function joinNegative(args: readonly string[]): string[] {
  return args.flatMap((arg, index) =>
    args[index - 1] === '--expires-in' ? [] : arg === '--expires-in' ? [`${arg}=${args[index + 1] ?? ''}`] : [arg],
  )
}

function parseSeconds(text: string): number {
  if (!/^-?[0-9]{1,9}$/.test(text)) throw new UsageError(`--expires-in takes seconds, not '${text}'.`)
  return Number(text)
}
