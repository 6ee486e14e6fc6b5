/** `npm run entra:register`: registers the application in Entra ID, with the account that is signed in to Azure CLI. */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { createGraph, GraphError } from './graph.ts'
import { DEFINITION, registerApplication, type Step, type Wish } from './register-application.ts'

const USAGE = `Registers the application that stands for APIM Reconnect in Entra ID, or completes it. Running it again changes nothing.
It uses the account that is signed in to Azure CLI (az login), and prints the three values that the deployment needs.

  npm run entra:register -- --environment NAME [options]

  --environment NAME         name of the azd environment
  --no-azure-monitor         no role for the action groups of Azure Monitor
  --event-grid               a role for Event Grid, and for the owners
  --operator OBJECT_ID       a person or group that becomes Reconnect.Operator (repeatable)
  --owner OBJECT_ID          a further owner, such as the service principal of a pipeline (repeatable)
  --console-url URL          address of the console: https://<app>/console (repeatable)
  --client-id-uri            identifier URI api://<client id>, for tenants that allow no other
  --azure-monitor-client ID  client id of the action groups, in other clouds
  --event-grid-client ID     client id of Event Grid, in other clouds
  --json                     print the values as JSON
  --help`

const FORBIDDEN = `This account may not register applications or assign app roles. An Application Administrator or Cloud Application Administrator may
(for a program: Application.ReadWrite.All and AppRoleAssignment.ReadWrite.All). Ask one to run this command, and add --owner <your object id>,
which you learn by: az ad signed-in-user show --query id -o tsv
Then set the three values that it prints: ENTRA_CLIENT_ID, ENTRA_OBJECT_ID, ENTRA_IDENTIFIER_URI.`

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

class UsageError extends Error {}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { code } = error as { code?: string }
  if (error instanceof UsageError || code?.startsWith('ERR_PARSE_ARGS') === true)
    fail(`${(error as Error).message}\n\n${USAGE}`)
  else if (error instanceof GraphError) {
    const isForbidden = error.status === 401 || error.status === 403
    fail(`Graph answered ${error.status} ${error.code}: ${error.message}${isForbidden ? `\n\n${FORBIDDEN}` : ''}`)
  } else fail((error as Error).message)
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
}

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      environment: { type: 'string' },
      'no-azure-monitor': { type: 'boolean', default: false },
      'event-grid': { type: 'boolean', default: false },
      operator: { type: 'string', multiple: true, default: [] },
      owner: { type: 'string', multiple: true, default: [] },
      'console-url': { type: 'string', multiple: true, default: [] },
      'client-id-uri': { type: 'boolean', default: false },
      'azure-monitor-client': { type: 'string', default: DEFINITION.clients.azureMonitor },
      'event-grid-client': { type: 'string', default: DEFINITION.clients.eventGrid },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  // It becomes part of a path: the grammar of azd, without what an address would need escaped.
  if (!/^[A-Za-z0-9-]{1,40}$/.test(values.environment ?? ''))
    throw new UsageError('--environment must be 1 to 40 letters, digits and hyphens')
  for (const id of [...values.operator, ...values.owner, values['azure-monitor-client'], values['event-grid-client']])
    if (!GUID.test(id)) throw new UsageError(`'${id}' is not a GUID`)
  for (const url of values['console-url'])
    if (!/^https:\/\/[^?#]+\/console$/.test(url)) throw new UsageError(`'${url}' is not https://<app>/console`)

  const [endpoint, token] = await Promise.all([
    az('cloud', 'show', '--query', 'endpoints.microsoftGraphResourceId', '-o', 'tsv'),
    az('account', 'get-access-token', '--resource-type', 'ms-graph', '--query', 'accessToken', '-o', 'tsv'),
  ])
  const own = readClaims(token)
  const wish: Wish = {
    tenantId: own.tid,
    environment: values.environment as string,
    azureMonitor: !values['no-azure-monitor'],
    eventGrid: values['event-grid'],
    operators: values.operator,
    owners: [...new Set([own.oid, ...values.owner])],
    consoleUrls: values['console-url'],
    identifierUri: values['client-id-uri'] ? 'client' : 'tenant',
    clients: {
      ...DEFINITION.clients,
      azureMonitor: values['azure-monitor-client'],
      eventGrid: values['event-grid-client'],
    },
  }
  const graph = createGraph({ endpoint, token, sleep: (ms) => delay(ms) })
  const { clientId, objectId, identifierUri } = await registerApplication(graph, wish, toStderr)
  const result = { ENTRA_CLIENT_ID: clientId, ENTRA_OBJECT_ID: objectId, ENTRA_IDENTIFIER_URI: identifierUri }
  process.stdout.write(
    values.json
      ? `${JSON.stringify(result, undefined, 2)}\n`
      : Object.entries(result)
          .map(([name, value]) => `azd env set ${name} ${value}\n`)
          .join(''),
  )
  return 0
}

function toStderr({ what, result, detail }: Step): void {
  process.stderr.write(`${result.padEnd(9)} ${what}${detail === undefined ? '' : `: ${detail}`}\n`)
}

/** Whose token this is. It is our own and goes to Graph, which verifies it: here it is read only. */
function readClaims(token: string): { readonly tid: string; readonly oid: string } {
  try {
    const { tid, oid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      tid: string
      oid: string
    }
    if (GUID.test(tid) && GUID.test(oid)) return { tid, oid }
  } catch {
    // Said below.
  }
  throw new Error('The token of Azure CLI names no tenant and no object id: sign in again (az login).')
}

async function az(...args: readonly string[]): Promise<string> {
  try {
    // On Windows az is a batch file, which only a shell can start. The arguments are all of this file.
    const { stdout } = await promisify(execFile)('az', [...args], { shell: process.platform === 'win32' })
    return stdout.trim()
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string }
    throw new Error(
      code === 'ENOENT'
        ? 'Azure CLI (az) is not on PATH: install it, and sign in with az login.'
        : `az ${args.slice(0, 2).join(' ')} failed: ${stderr?.trim() ?? String(code)}`,
      { cause: error },
    )
  }
}
