import type { SandboxInfo } from './create-sandbox.ts'
import { SUBSCRIPTION_ID } from './azure/resources.ts'

const LOCKED = `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-locked/providers/Microsoft.ApiManagement/service/apim-locked/backends/orders`

/** What a stranger needs to try it: where things are, and commands that work as they stand in another terminal, in this folder. */
export function toBanner(
  info: SandboxInfo,
  functions: readonly { readonly name: string; readonly trigger: string }[],
): string {
  const backend = `${info.proxy}${info.backends[0]}/reconnect`
  const bearer = (kind: string): string => `-H "Authorization: Bearer $(npm run -s token -- ${kind})"`
  const curl = (kind: string, rest: string): string => `curl -i ${bearer(kind)} ${rest}`
  const json = `-H 'Content-Type: application/json'`
  return `
APIM Reconnect is running, with a simulated Azure around it. Ctrl-C ends everything.

  function app   ${info.proxy}   (TLS: ${info.proxyTls})
  simulated ARM  ${info.arm}   (CA: ${info.armCa})
  token issuer   ${info.issuer}
  storage        ${/TableEndpoint=([^;]*)/.exec(info.storage)?.[1]}   (Azurite; the connection string is in the info file)
  switchboard    ${info.control}   (faults, requests seen: see sandbox/README.md)
  functions      ${functions.map((item) => item.name).join(', ')}

Try, in another terminal in this folder:

# reconnect a backend as an operator: 202
${curl('operator', `-X POST '${backend}'`)}

# the same in five minutes, over TLS
${curl('operator', `--cacert '${info.armCa}' -X POST '${info.proxyTls}${info.backends[1]}/reconnect' ${json} -d '{"properties":{"after":"PT5M"}}'`)}

# once more within two minutes: joined, ARM is not asked again
${curl('operator', `-X POST '${backend}'`)}

# decide everything, send nothing
${curl('tool', `-X POST '${backend}' -H 'x-reconnect-dry-run: true'`)}

# as a caller without a grant: 403
${curl('stranger', `-X POST '${backend}'`)}

# ARM lacks a role for our own identity: 502, and it says which
${curl('operator', `-X POST '${info.proxy}${LOCKED}/reconnect'`)}

# let ARM answer the next request with 409, see it relayed
curl -X PUT '${info.control}/faults' -d '{"target":"arm","kind":"409","times":1}'
${curl('operator', `-X POST '${info.proxy}${info.backends[2]}/reconnect'`)}

# an alert of every sender: accepted (202), delivered a moment later
npm run -s alert -- azure-monitor --backend '${info.backends[4]}'
npm run -s alert -- alertmanager --backend '${info.backends[4]}'
npm run -s alert -- grafana --backend '${info.backends[5]}'
npm run -s alert -- event-grid --backend '${info.backends[5]}'
npm run -s alert -- generic --backend '${info.backends[2]}'

# Alertmanager by hand; the alert is over, so that nothing is done: 200
curl -i -X POST '${info.proxy}/alerts/alertmanager' -H 'Authorization: Bearer ${info.webhookSecrets.ALERTMANAGER_TOKEN}' ${json} -d '{"alerts":[{"status":"resolved","labels":{"apim_service":"apim-prod","backend_id":"orders"}}]}'

# the history: what was asked, by whom, and what became of it
curl ${bearer('operator')} '${info.proxy}/operations'

# what ARM has received
curl '${info.control}/requests'

curl -i '${info.proxy}/health/ready'
curl '${info.proxy}/openapi.json'

`
}
