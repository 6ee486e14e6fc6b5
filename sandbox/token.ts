/** `npm run token -- operator`: mints a token through the running sandbox and prints it, and nothing else. */
import { parseArgs } from 'node:util'
import { TOKEN_KINDS, type TokenKind, type TokenRequest } from './azure/tokens.ts'
import { ask, runCommand, UsageError } from './command.ts'
import { findSandbox } from './info-file.ts'

const USAGE = `npm run token -- operator|tool|stranger [options]
  --role R         app role; may be repeated       --group GUID     group; may be repeated
  --app GUID       client id                       --user GUID      object id of a person (a delegated token)
  --scp S          scopes, separated by spaces     --v1, --v2       token version
  --audience A     --tenant GUID                   --expires-in S   seconds from now (negative: expired)
  --info FILE      the sandbox's info file         --control URL    its switchboard
Prints the token and nothing else. The sandbox ("npm start") must be running.`

await runCommand(USAGE, process.argv.slice(2), async (args) => {
  process.stdout.write(`${await mint(args)}\n`)
  return 0
})

async function mint(args: readonly string[]): Promise<string> {
  const { values, positionals } = parse(args)
  const [kind, ...more] = positionals
  if (kind === undefined || more.length > 0 || !TOKEN_KINDS.includes(kind as TokenKind))
    throw new UsageError(
      `${kind === undefined ? 'Whose token?' : `There is no '${positionals.join(' ')}'.`}\n\n${USAGE}`,
    )
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
  const control = values.control ?? (await findSandbox(values.info)).control
  const response = await ask(toUrl(control), { method: 'POST', body: JSON.stringify(request) })
  const answer = (await response.json()) as { token?: string; error?: string }
  if (answer.token === undefined) throw new UsageError(answer.error ?? `The sandbox answered ${response.status}.`)
  return answer.token
}

function toUrl(control: string): URL {
  if (!URL.canParse('/tokens', control)) throw new UsageError(`--control takes an address, not '${control}'.`)
  return new URL('/tokens', control)
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

/** For `--expires-in -60`: parseArgs would take -60 for an option. */
function joinNegative(args: readonly string[]): string[] {
  return args.flatMap((arg, index) =>
    args[index - 1] === '--expires-in' ? [] : arg === '--expires-in' ? [`${arg}=${args[index + 1] ?? ''}`] : [arg],
  )
}

function parseSeconds(text: string): number {
  if (!/^-?[0-9]{1,9}$/.test(text)) throw new UsageError(`--expires-in takes seconds, not '${text}'.`)
  return Number(text)
}
