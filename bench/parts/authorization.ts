import { performance } from 'node:perf_hooks'
import { parseBackendParts } from '../../src/domain/backend-id.ts'
import { parsePrincipal, type Caller, type Principal } from '../../src/domain/caller.ts'
import type { ReconnectCommand } from '../../src/domain/command.ts'
import { authorize } from '../../src/policy/authorize.ts'
import { createGrantIndex, type GrantIndex } from '../../src/policy/grant-index.ts'
import { parsePolicy } from '../../src/policy/policy-document.ts'
import type { Bench } from '../part.ts'
import { compare, interleave } from '../statistics.ts'
import type { Section } from '../table.ts'

const SUBSCRIPTION_ID = 'b8c1e9a2-5d34-4f70-8e16-9a2d7c3f4b05'
const APP_ID = 'd27f6b18-93ac-4e50-8d1b-4a6c0e9f7358'
/** The same for every size of policy. Half of them are granted; the others search every scope and find no grant. */
const QUESTIONS = 1_000
const WARM_UP_CALLS = 20_000

/** Nanoseconds per `authorize()`, for policies of very different length. */
export async function measureAuthorization({ scale }: Bench): Promise<Section> {
  const { authorizationRounds, authorizationCalls } = scale
  const caller = aCaller()
  const sides = { ten: aPolicy(10), thousand: aPolicy(1_000), tenThousand: aPolicy(10_000) }
  for (const side of Object.values(sides)) timeCalls(caller, side, WARM_UP_CALLS)
  const measured = await interleave(authorizationRounds, {
    ten: () => timeCalls(caller, sides.ten, authorizationCalls),
    thousand: () => timeCalls(caller, sides.thousand, authorizationCalls),
    tenThousand: () => timeCalls(caller, sides.tenThousand, authorizationCalls),
  })
  return {
    title: 'Authorization',
    unit: `ns per call, ${authorizationRounds} rounds of ${authorizationCalls} calls`,
    rows: [
      { name: '1,000 grants / 10 grants', figures: compare(measured.thousand, measured.ten), aim: { atMost: 2 } },
      { name: '10,000 grants / 10 grants', figures: compare(measured.tenThousand, measured.ten), aim: { atMost: 2 } },
    ],
    notes: [
      `${QUESTIONS} backends in turn, half of them granted; a caller with ${caller.principals.length} principals; a linear search would cost 1,000 times as much for the largest policy`,
    ],
  }
}

interface Side {
  readonly grants: GrantIndex
  readonly commands: readonly ReconnectCommand[]
}

/** Each grant is for another backend. */
function aPolicy(size: number): Side {
  const backend = (index: number) => ({ service: `apim-${index % 50}`, id: `backend-${index}` })
  const grants = Array.from({ length: size }, (_, index) => {
    const { service, id } = backend(index)
    return {
      principal: `app:${APP_ID}`,
      scope: `/subscriptions/${SUBSCRIPTION_ID}/resourceGroups/rg-apim/providers/Microsoft.ApiManagement/service/${service}/backends/${id}`,
    }
  })
  const policy = parsePolicy(JSON.stringify({ grants }))
  if (!policy.ok) throw new Error('the policy of the benchmark is not valid')
  const commands = Array.from({ length: QUESTIONS }, (_, question) => {
    const { service, id } = backend(Math.floor((question / QUESTIONS) * size))
    return aCommand(service, question % 2 === 0 ? id : `${id}-of-others`)
  })
  return { grants: createGrantIndex(policy.value.grants), commands }
}

function aCommand(serviceName: string, backendId: string): ReconnectCommand {
  const backend = parseBackendParts({
    subscriptionId: SUBSCRIPTION_ID,
    resourceGroupName: 'rg-apim',
    serviceName,
    backendId,
  })
  if (!backend.ok) throw new Error('the backend of the benchmark is not valid')
  return { backend: backend.value, apiVersion: '2024-05-01', dryRun: false, force: false }
}

function aCaller(): Caller {
  const groups = Array.from({ length: 5 }, (_, index) => `group:0b1f6471-1bf0-4dda-aec3-00000000000${index}`)
  const principals = [`app:${APP_ID}`, 'role:Reconnect.Tool', ...groups].map(
    (text) => parsePrincipal(text) as Principal,
  )
  return { kind: 'app', id: APP_ID, principals }
}

function timeCalls(caller: Caller, { grants, commands }: Side, calls: number): number {
  let granted = 0
  const startedAt = performance.now()
  for (let call = 0; call < calls; call += 1) {
    if (authorize(caller, commands[call % QUESTIONS] as ReconnectCommand, grants).ok) granted += 1
  }
  const elapsedMs = performance.now() - startedAt
  if (granted !== calls / 2) throw new Error(`${granted} of ${calls} calls were granted, expected half of them`)
  return (elapsedMs * 1e6) / calls
}
