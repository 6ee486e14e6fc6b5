import type { Sandbox } from './create-sandbox.ts'
import { SUBSCRIPTION_ID } from './azure/resources.ts'

const LOCKED = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`

export interface BannerOptions {
  /** The shell that the commands are for. PowerShell loses the double quotes of an argument, so that JSON comes through stdin there. */
  readonly shell: 'posix' | 'powershell'
  /** Of a sandbox that is not the first one in this folder: its commands name it. */
  readonly infoFile?: string
}

/** Addresses, and commands to be pasted into another terminal, in this folder. */
export function toBanner({ info, app }: Pick<Sandbox, 'info' | 'app'>, { shell, infoFile }: BannerOptions): string {
  const [orders, payments, inventory, , ...others] = info.backends
  const [forAzureMonitor, forAlertmanager, forGrafana, forEventGrid, forGeneric] = others
  const reconnect = `${info.proxy}${orders}/reconnect`
  const named = infoFile === undefined ? '' : ` --info ${infoFile}`
  // npm's own script for PowerShell loses a `--` that is not quoted.
  const dashes = shell === 'posix' ? '--' : `'--'`
  const curl = shell === 'posix' ? 'curl' : 'curl.exe'
  const bearer = (kind: string): string => `-H "Authorization: Bearer $(npm run -s token ${dashes} ${kind}${named})"`
  const as = (kind: string, rest: string): string => `${curl} -i ${bearer(kind)} ${rest}`
  const withJson = (command: string, json: string): string =>
    shell === 'posix' ? `${command} -d '${json}'` : `'${json}' | ${command} -d '@-'`
  const type = `-H 'Content-Type: application/json'`
  const alert = (sender: string, backend = ''): string =>
    `npm run -s alert ${dashes} ${sender} --backend '${backend}'${named}`
  const hasConsole = app.functions.some(({ name }) => name === 'console')
  return `
APIM Reconnect is running, with a simulated Azure around it. Ctrl-C ends everything.

  function app   ${info.proxy}   (TLS: ${info.proxyTls})
${hasConsole ? `  console        ${info.console}\n` : ''}  simulated ARM  ${info.arm}   (CA: ${info.armCa})
  token issuer   ${info.issuer}
  storage        ${/TableEndpoint=([^;]*)/.exec(info.storage)?.[1]}   (Azurite; the connection string is in the info file)
  switchboard    ${info.control}   (faults, requests seen: see sandbox/README.md)
  functions      ${app.functions.map(({ name }) => name).join(', ')}

Try, in another terminal in this folder${shell === 'powershell' ? ' (PowerShell)' : ''}:

# reconnect a backend as an operator: 202
${as('operator', `-X POST '${reconnect}'`)}

# another backend in five minutes, over TLS: 202
${withJson(as('operator', `--cacert '${info.armCa}' -X POST '${info.proxyTls}${payments}/reconnect' ${type}`), '{"properties":{"after":"PT5M"}}')}

# the first backend once more within two minutes: joined, ARM is not asked again
${as('operator', `-X POST '${reconnect}'`)}

# decide everything, send nothing
${as('tool', `-X POST '${reconnect}' -H 'x-reconnect-dry-run: true'`)}

# as a caller without a grant: 403
${as('stranger', `-X POST '${reconnect}'`)}

# ARM lacks a role for our own identity: 502, and it says which
${as('operator', `-X POST '${info.proxy}${LOCKED}/reconnect'`)}

# let ARM answer the next request with 409, see it relayed
${withJson(`${curl} -X PUT '${info.control}/faults'`, '{"target":"arm","kind":"409","times":1}')}
${as('operator', `-X POST '${info.proxy}${inventory}/reconnect'`)}

# an alert of every sender, each for a backend of its own: accepted (202), delivered a moment later
${alert('azure-monitor', forAzureMonitor)}
${alert('alertmanager', forAlertmanager)}
${alert('grafana', forGrafana)}
${alert('event-grid', forEventGrid)}
${alert('generic', forGeneric)}

# Alertmanager by hand; the alert is over, so that nothing is done: 200
${withJson(`${curl} -i -X POST '${info.proxy}/alerts/alertmanager' -H 'Authorization: Bearer ${info.webhookSecrets.ALERTMANAGER_TOKEN}' ${type}`, '{"alerts":[{"status":"resolved","labels":{"apim_service":"apim-prod","backend_id":"orders"}}]}')}

# the history: what was asked, by whom, and the outcome
${curl} ${bearer('operator')} '${info.proxy}/operations'

# what ARM has received
${curl} '${info.control}/requests'

${curl} -i '${info.proxy}/health/ready'
${curl} '${info.proxy}/openapi.json'

`
}
