import { parseArgs } from 'node:util'
import { parseBackendResourceId, type Backend } from '../domain/backend-id.ts'
import { parsePrincipal, PRINCIPAL_EXPECTATION, type Caller, type Principal } from '../domain/caller.ts'
import { ACTIONS, type Action } from '../domain/failure.ts'
import { SEGMENT_EXPECTATION } from '../domain/segments.ts'
import { quoteText } from '../shared/escape-text.ts'
import { err, ok, type Result } from '../shared/result.ts'

const RESOURCE_ID =
  '/subscriptions/<guid>/resourceGroups/<group>/providers/Microsoft.ApiManagement/service/<service>/backends/<backend>'
const ACTIONS_TEXT = 'reconnect, read, force or pause'
const CALLER_KINDS: readonly Caller['kind'][] = ['app', 'user', 'webhook']
const MAX_SHOWN_CHARS = 200

export const HELP = `What would happen if this caller asked for a reconnect of this backend, or if this alert came, and why.
Or: why did a request or an alert end as it did. Decided by the code that serves requests; Azure is not asked.

npm run explain -- --as PRINCIPAL [--as PRINCIPAL ...] --backend RESOURCE_ID [--action ACTION] [--policy FILE] [--json]
npm run explain -- --webhook NAME --body FILE [--policy FILE] [--json]
npm run explain -- --line TEXT [--json]
npm run explain -- --operation ID --app URL [--json]

  --as PRINCIPAL   ${PRINCIPAL_EXPECTATION};
                   repeat it for a caller with several, as a token with roles has
  --backend ID     ${RESOURCE_ID}
  --action ACTION  reconnect (default), read, force or pause
  --webhook NAME   a webhook of the policy, as in POST /alerts/NAME; that the sender proves itself is taken for granted
  --body FILE      what the sender posts, saved
  --line TEXT      a line of the audit, or an operation as JSON, pasted in quotation marks; - reads standard input
  --operation ID   an operation, as in x-reconnect-operation; it is read from the running app
  --app URL        where the app is reached; a token for it comes on standard input
  --policy FILE    policy document to judge by; default: RECONNECT_POLICY or RECONNECT_POLICY_FILE of the
                   environment or of local.settings.json, else policy.json beside host.json
  --json           the answer as one JSON object, for programs
  --help           this text

Exit code: 0 allowed (an alert at least would act), 1 denied (none would), 2 bad arguments or bad policy. The mode does
not change it. Of a line or an operation: 0 where it ended with a reconnect, or still may; 1 where it did not.
`

export type Question = CallerQuestion | AlertQuestion | LineQuestion | OperationQuestion

interface CallerQuestion {
  readonly kind: 'caller'
  readonly caller: Caller
  readonly backend: Backend
  readonly action: Action
  readonly policyFile: string | undefined
}

interface AlertQuestion {
  readonly kind: 'alert'
  readonly webhookName: string
  readonly bodyFile: string
  readonly policyFile: string | undefined
}

interface LineQuestion {
  readonly kind: 'line'
  /** Undefined: it comes on standard input. */
  readonly text: string | undefined
}

interface OperationQuestion {
  readonly kind: 'operation'
  readonly operationId: string
  readonly app: string
}

export interface Arguments {
  readonly question: Question | 'help'
  readonly asJson: boolean
}

/** All take lists: parseArgs would let the last of two backends win, and the answer would be about another one than was read. */
const TEXTS = ['as', 'backend', 'action', 'webhook', 'body', 'line', 'operation', 'app', 'policy'] as const
type Texts = Readonly<Partial<Record<(typeof TEXTS)[number], readonly string[]>>>

/** Reads the command line, or says everything that is wrong with it at once. */
export function readArguments(args: readonly string[]): Result<Arguments, readonly string[]> {
  const options = readOptions(args)
  if (!options.ok) return options
  const { help, json, ...texts } = options.value
  const asJson = json === true
  if (help === true) return ok({ question: 'help', asJson })
  const question = readQuestion(texts)
  return question.ok ? ok({ question: question.value, asJson }) : question
}

function readOptions(args: readonly string[]) {
  const many = { type: 'string', multiple: true } as const
  const once = { type: 'boolean' } as const
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        as: many,
        backend: many,
        action: many,
        webhook: many,
        body: many,
        line: many,
        operation: many,
        app: many,
        policy: many,
        json: once,
        help: { ...once, short: 'h' },
      },
    })
    return ok(values)
  } catch (cause) {
    return err([cause instanceof Error ? cause.message : String(cause)])
  }
}

/** Each kind of question has options of its own; the one that is asked for first decides. */
function readQuestion(texts: Texts): Result<Question, readonly string[]> {
  if (texts.line !== undefined) return readLine(texts)
  if (texts.operation !== undefined || texts.app !== undefined) return readOperation(texts)
  if (texts.webhook !== undefined || texts.body !== undefined) return readAlert(texts)
  return readCaller(texts)
}

function readLine(texts: Texts): Result<Question, readonly string[]> {
  const complaints = [...once(texts, 'line', 'a line of the audit'), ...strangers(texts, 'line', ['line'])]
  const [text = ''] = texts.line ?? []
  return complaints.length > 0 ? err(complaints) : ok({ kind: 'line', text: text === '-' ? undefined : text })
}

function readOperation(texts: Texts): Result<Question, readonly string[]> {
  const complaints = [
    ...once(texts, 'operation', 'the id of an operation'),
    ...once(texts, 'app', 'where the app is reached'),
    ...strangers(texts, 'operation', ['operation', 'app']),
  ]
  const [operationId = ''] = texts.operation ?? []
  const [app = ''] = texts.app ?? []
  return complaints.length > 0 ? err(complaints) : ok({ kind: 'operation', operationId, app })
}

function readAlert(texts: Texts): Result<Question, readonly string[]> {
  const complaints = [
    ...once(texts, 'webhook', 'the name of a webhook'),
    ...once(texts, 'body', 'the path of a file'),
    ...policyFault(texts),
    ...(['as', 'backend', 'action'] as const)
      .filter((name) => texts[name] !== undefined)
      .map((name) => `--${name} asks about a caller, --webhook about an alert: expected one of them`),
  ]
  const [webhookName = ''] = texts.webhook ?? []
  const [bodyFile = ''] = texts.body ?? []
  return complaints.length > 0
    ? err(complaints)
    : ok({ kind: 'alert', webhookName, bodyFile, policyFile: texts.policy?.[0] })
}

function readCaller(texts: Texts): Result<Question, readonly string[]> {
  const { as = [], backend: [resourceId, secondId] = [], action: [action = 'reconnect', secondAction] = [] } = texts
  const principals = as.map(parseColonPrincipal)
  const backend = parseBackendResourceId(resourceId ?? '')
  const known = ACTIONS.find((name) => name === action)
  const complaints = [
    ...(as.length === 0 ? [`--as is missing: expected ${PRINCIPAL_EXPECTATION}`] : []),
    ...as
      .filter((_, index) => principals[index] === undefined)
      .map((text) => `--as ${shown(text)}: expected ${PRINCIPAL_EXPECTATION}`),
    ...(resourceId === undefined ? [`--backend is missing: expected ${RESOURCE_ID}`] : []),
    ...(resourceId === undefined || backend.ok
      ? []
      : [`--backend ${shown(resourceId)}: expected ${expectedOf(backend.error.segment)}`]),
    ...(known === undefined ? [`--action ${shown(action)}: expected ${ACTIONS_TEXT}`] : []),
    ...(secondId === undefined ? [] : ['--backend is given more than once: expected one backend']),
    ...(secondAction === undefined ? [] : ['--action is given more than once: expected one action']),
    ...policyFault(texts),
  ]
  if (complaints.length > 0 || !backend.ok || known === undefined) return err(complaints)
  return ok({
    kind: 'caller',
    caller: toCaller(principals.filter((principal) => principal !== undefined)),
    backend: backend.value,
    action: known,
    policyFile: texts.policy?.[0],
  })
}

function once(texts: Texts, name: keyof Texts, what: string): string[] {
  const values = texts[name] ?? []
  return values.length === 1 && values[0] !== '' ? [] : [`--${name}: expected once, ${what}`]
}

function policyFault({ policy = [] }: Texts): string[] {
  if (policy.length > 1) return ['--policy is given more than once: expected one file']
  return policy[0] === '' ? ['--policy is empty: expected the path of a policy document'] : []
}

function strangers(texts: Texts, asked: keyof Texts, known: readonly (keyof Texts)[]): string[] {
  return TEXTS.filter((name) => texts[name] !== undefined && !known.includes(name)).map(
    (name) => `--${name} does not go with --${asked}`,
  )
}

function parseColonPrincipal(text: string): Principal | undefined {
  return text.includes(':') ? parsePrincipal(text) : undefined
}

/** Only the principals decide; kind and id are what an audit record would show of such a caller. */
function toCaller(principals: readonly Principal[]): Caller {
  const [first = ''] = principals
  const kind = CALLER_KINDS.find((name) => first.startsWith(`${name}:`)) ?? 'app'
  return { kind, id: first.slice(first.indexOf(':') + 1), principals }
}

function expectedOf(segment: keyof typeof SEGMENT_EXPECTATION | 'resourceId'): string {
  return segment === 'resourceId' ? RESOURCE_ID : `${segment} as ${SEGMENT_EXPECTATION[segment]}`
}

/** What was typed, bounded and without what a terminal would obey. */
export function shown(text: string): string {
  return quoteText(text, MAX_SHOWN_CHARS)
}
