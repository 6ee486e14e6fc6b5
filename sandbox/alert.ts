/** `npm run alert -- grafana`: posts one alert to the running sandbox, as that sender would, and prints the answer. */
import { parseArgs } from 'node:util'
import { ACTION_GROUP_TOKEN } from './azure/directory.ts'
import { ALERT_PAYLOADS } from './azure/alert-payloads.ts'
import { ask, runCommand, UsageError } from './command.ts'
import type { LocalInfo } from './create-sandbox.ts'
import { findSandbox } from './info-file.ts'
import { signAlert } from './sign-alert.ts'
import { SANDBOX_WEBHOOKS, type SandboxWebhook } from './webhooks.ts'

const USAGE = `npm run alert -- ${Object.keys(SANDBOX_WEBHOOKS).join('|')} [options]
  --backend ID   resource id of the backend (default: the sandbox's first)
  --resolved     the alert is over
  --print        print the payload, post nothing
  --info FILE    the sandbox's info file
Prints the answer; the exit code is 0 for 2xx. The sandbox ("npm start") must be running.`

await runCommand(USAGE, process.argv.slice(2), post)

/** 0 when the alert was answered 2xx. */
async function post(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args)
  const [webhook, ...more] = positionals as SandboxWebhook[]
  if (webhook === undefined || more.length > 0 || !Object.hasOwn(SANDBOX_WEBHOOKS, webhook))
    throw new UsageError(
      `${webhook === undefined ? 'Which sender?' : `There is no '${positionals.join(' ')}'.`}\n\n${USAGE}`,
    )
  const info = await findSandbox(values.info)
  const nowEpochMs = Date.now()
  const payload = ALERT_PAYLOADS[webhook]({
    backend: values.backend ?? (info.backends[0] as string),
    firing: values.resolved !== true,
    nowEpochMs,
  })
  if (values.print === true) return print(JSON.stringify(payload, null, 2))
  const body = JSON.stringify(payload)
  const { headers, query } = signAlert(
    webhook,
    body,
    nowEpochMs,
    info.webhookSecrets,
    webhook === 'azure-monitor' ? await mintActionGroup(info) : '',
  )
  const type = webhook === 'event-grid' ? 'application/cloudevents+json' : 'application/json'
  return show(info, webhook, { method: 'POST', headers: { ...headers, 'content-type': type }, body }, query)
}

async function mintActionGroup({ control }: LocalInfo): Promise<string> {
  const answer = await ask(new URL('/tokens', control), { method: 'POST', body: JSON.stringify(ACTION_GROUP_TOKEN) })
  return ((await answer.json()) as { token: string }).token
}

async function show(info: LocalInfo, webhook: string, request: RequestInit, query: string): Promise<number> {
  const answer = await ask(`${info.proxy}/alerts/${webhook}${query}`, request)
  print(`HTTP/1.1 ${answer.status} ${answer.statusText}\n\n${await answer.text()}`)
  return answer.ok ? 0 : 1
}

function print(text: string): 0 {
  process.stdout.write(`${text}\n`)
  return 0
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        backend: { type: 'string' },
        resolved: { type: 'boolean' },
        print: { type: 'boolean' },
        info: { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}
