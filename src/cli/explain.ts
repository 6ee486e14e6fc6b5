import { parseArgs } from 'node:util'
import type { ConfigProblem } from '../config/config.ts'
import { loadPolicySettings } from '../config/load-config.ts'
import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import { parsePrincipal, PRINCIPAL_EXPECTATION, type Caller, type Principal } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import { SEGMENT_EXPECTATION } from '../domain/segments.ts'
import { explainDecision } from '../policy/explain-decision.ts'
import { quoteText } from '../shared/escape-text.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { explainAlert } from './explain-alert.ts'
import { explanationText } from './explanation-text.ts'

const RESOURCE_ID =
  '/subscriptions/<guid>/resourceGroups/<group>/providers/Microsoft.ApiManagement/service/<service>/backends/<backend>'

const HELP = `What would happen if this caller asked for a reconnect of this backend, or if this alert came, and why.
Decided by the code that serves requests; Azure is not asked and no other setting is needed.

npm run explain -- --as PRINCIPAL [--as PRINCIPAL ...] --backend RESOURCE_ID [--action ACTION] [--policy FILE]
npm run explain -- --webhook NAME --body FILE [--policy FILE]

  --as PRINCIPAL   ${PRINCIPAL_EXPECTATION};
                   repeat it for a caller with several, as a token with roles has
  --backend ID     ${RESOURCE_ID}
  --action ACTION  reconnect (default), read or force
  --webhook NAME   a webhook of the policy, as in POST /alerts/NAME; that the sender proves itself is taken for granted
  --body FILE      what the sender posts, saved
  --policy FILE    policy document to judge by; default: RECONNECT_POLICY or RECONNECT_POLICY_FILE of the
                   environment or of local.settings.json, else policy.json beside host.json
  --help           this text

Exit code: 0 allowed (an alert at least would act), 1 denied (none would), 2 bad arguments or bad policy. The mode does not change it.
`

const ALLOWED = 0
const DENIED = 1
const UNANSWERABLE = 2

const ACTIONS: ReadonlySet<string> = new Set<Action>(['reconnect', 'read', 'force'])
const CALLER_KINDS: readonly Caller['kind'][] = ['app', 'user', 'webhook']

type Arguments = { readonly policyFile: string | undefined } & (CallerArguments | AlertArguments)

interface AlertArguments {
  readonly webhookName: string
  readonly bodyFile: string
}

interface CallerArguments {
  readonly caller: Caller
  readonly backend: Backend
  readonly action: Action
}

/** Read arguments → read mode and policy → decide → say why. */
function explain(args: readonly string[]): number {
  const parsed = readArguments(args)
  if (!parsed.ok) return complain(parsed.error)
  if (parsed.value === 'help') return say(HELP, ALLOWED)
  const { policyFile } = parsed.value
  const settings = loadPolicySettings(policyFile)
  if (!settings.ok) return complain(settings.error.map((problem) => toLine(problem, policyFile)))
  const { mode, source, policy } = settings.value
  if ('webhookName' in parsed.value) {
    const alert = explainAlert({ mode, source, policy, ...parsed.value })
    return alert.ok ? say(alert.value.text, alert.value.acts ? ALLOWED : DENIED) : complain(alert.error)
  }
  const { caller, backend, action } = parsed.value
  const explanation = explainDecision(caller, action, backend, policy.grants)
  const text = explanationText({ mode, source, grants: policy.grants, caller, action, backend }, explanation)
  return say(text, explanation.allowed ? ALLOWED : DENIED)
}

function readArguments(args: readonly string[]): Result<Arguments | 'help', readonly string[]> {
  const options = readOptions(args)
  if (!options.ok) return options
  const {
    as = [],
    backend: [resourceId, secondId] = [],
    action: [action = 'reconnect', secondAction] = [],
    policy = [],
    webhook = [],
    body = [],
    help,
  } = options.value
  if (help === true) return ok('help')
  if (webhook.length > 0 || body.length > 0) return readAlertArguments(options.value)
  const principals = as.map(parseColonPrincipal)
  const backend = parseBackendResourceId(resourceId ?? '')
  const complaints = [
    ...(as.length === 0 ? [`--as is missing: expected ${PRINCIPAL_EXPECTATION}`] : []),
    ...as
      .filter((_, index) => principals[index] === undefined)
      .map((text) => `--as ${shown(text)}: expected ${PRINCIPAL_EXPECTATION}`),
    ...(resourceId === undefined ? [`--backend is missing: expected ${RESOURCE_ID}`] : []),
    ...(resourceId === undefined || backend.ok
      ? []
      : [`--backend ${shown(resourceId)}: expected ${expectedOf(backend.error.segment)}`]),
    ...(ACTIONS.has(action) ? [] : [`--action ${shown(action)}: expected reconnect, read or force`]),
    ...(policy[0] === '' ? ['--policy is empty: expected the path of a policy document'] : []),
    ...(secondId === undefined ? [] : ['--backend is given more than once: expected one backend']),
    ...(secondAction === undefined ? [] : ['--action is given more than once: expected one action']),
    ...(policy.length > 1 ? ['--policy is given more than once: expected one file'] : []),
  ]
  if (complaints.length > 0 || !backend.ok) return err(complaints)
  return ok({
    caller: toCaller(principals as Principal[]),
    backend: backend.value,
    action: action as Action,
    policyFile: policy[0],
  })
}

function readAlertArguments({
  webhook = [],
  body = [],
  policy = [],
  ...others
}: { readonly [option in 'as' | 'backend' | 'action' | 'webhook' | 'body' | 'policy']?: string[] }): Result<
  Arguments,
  readonly string[]
> {
  const complaints = [
    ...Object.entries({ webhook, body }).flatMap(([name, values]) =>
      values.length === 1 && values[0] !== ''
        ? []
        : [`--${name}: expected once, ${name === 'webhook' ? 'the name of a webhook' : 'the path of a file'}`],
    ),
    ...(policy.length > 1 || policy[0] === ''
      ? ['--policy: expected at most once, the path of a policy document']
      : []),
    ...(['as', 'backend', 'action'] as const)
      .filter((name) => others[name] !== undefined)
      .map((name) => `--${name} asks about a caller, --webhook about an alert: expected one of them`),
  ]
  const [webhookName = ''] = webhook
  const [bodyFile = ''] = body
  return complaints.length > 0 ? err(complaints) : ok({ webhookName, bodyFile, policyFile: policy[0] })
}

function readOptions(args: readonly string[]) {
  // All take lists: parseArgs would let the last of two backends win, and the answer would be about another one than was read.
  const many = { type: 'string', multiple: true } as const
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        as: many,
        backend: many,
        action: many,
        webhook: many,
        body: many,
        policy: many,
        help: { type: 'boolean', short: 'h' },
      },
    })
    return ok(values)
  } catch (cause) {
    return err([cause instanceof Error ? cause.message : String(cause)])
  }
}

function parseColonPrincipal(text: string): Principal | undefined {
  return text.includes(':') ? parsePrincipal(text) : undefined
}

/** Only the principals decide; kind and id are what an audit record would show of such a caller. */
function toCaller(principals: readonly Principal[]): Caller {
  const [first = ''] = principals
  const kind = CALLER_KINDS.find((kind) => first.startsWith(`${kind}:`)) ?? 'app'
  return { kind, id: first.slice(first.indexOf(':') + 1), principals }
}

function expectedOf(segment: keyof typeof SEGMENT_EXPECTATION | 'resourceId'): string {
  return segment === 'resourceId' ? RESOURCE_ID : `${segment} as ${SEGMENT_EXPECTATION[segment]}`
}

function toLine({ name, expectation, example }: ConfigProblem, policyFile: string | undefined): string {
  const place =
    policyFile === undefined ? name : name.replace(/^RECONNECT_POLICY_FILE/, `--policy ${shown(policyFile)}`)
  return `${place}: expected ${expectation}; for example ${example}`
}

/** An argument for a message: bounded, and without terminal sequences. */
function shown(text: string): string {
  return quoteText(text, 200)
}

function say(text: string, exitCode: number): number {
  process.stdout.write(text)
  return exitCode
}

function complain(lines: readonly string[]): number {
  process.stderr.write(`${lines.join('\n')}\nnpm run explain -- --help says more.\n`)
  return UNANSWERABLE
}

process.exitCode = explain(process.argv.slice(2))
