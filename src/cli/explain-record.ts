import { escapeNonAscii, excerpt } from '../shared/escape-text.ts'
import { asObject, elementsOf, entriesOf, member, parseJson, type JsonObject } from '../shared/json.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { EffectVerdict } from '../domain/effect.ts'
import { line, type Explained } from './explanation-text.ts'
import { ACTING_OUTCOMES, OUTCOME_TEXTS, REASONS, VERDICT_TEXTS, type Advice } from './reasons.ts'

/** A text from a log may be anything: longer ones are cut. */
const MAX_SHOWN_CHARS = 600
const VERDICT_EVENT = 'reconnect.effect'
const EXPECTED =
  'expected a line of the audit (event reconnect.decision or reconnect.effect), or an operation as GET /operations/{operationId} answers it'

/** Why an audit line, or an operation, says what it says. Reads text only; nothing is asked of anyone. */
export function explainRecord(text: string): Result<Explained, readonly string[]> {
  const record = findRecord(text)
  if (record === undefined) return err([`--line: ${EXPECTED}`])
  const isVerdict = member(record, 'event') === VERDICT_EVENT
  const outcome = textOf(record, 'outcome') ?? textOf(record, 'state') ?? ''
  const isEvent = member(record, 'event') !== undefined
  // Only an event that names a fault has a reason of the app; otherwise `reason` is the caller's own words.
  const isOwn = isEvent && textOf(record, 'fault') !== undefined
  const reason = isOwn ? textOf(record, 'reason') : undefined
  const callerReason = textOf(record, isOwn ? 'callerReason' : 'reason')
  const advice = reason === undefined ? undefined : adviceOf(reason)
  const error = asObject(member(record, 'error'))
  const again = reason === 'not_granted' ? commandFor(record) : undefined
  const facts: Facts = [
    [
      'Outcome',
      isVerdict
        ? undefined
        : `${outcome.toUpperCase()}: ${OUTCOME_TEXTS[outcome] ?? 'not known to this version of the app'}`,
    ],
    ['Reason', reason],
    ['Detail', textOf(record, 'detail')],
    [
      'Error',
      error && [textOf(error, 'code'), textOf(error, 'message')].filter((part) => part !== undefined).join(': '),
    ],
    ['Means', advice?.means],
    ['Next', advice?.next],
    ['', again],
    [
      'Ambiguous',
      member(record, 'ambiguous') === true ? 'it is not known whether, or how often, it was accepted' : undefined,
    ],
    ['Caller', callerOf(record)],
    ["Caller's reason", callerReason],
    ['Trigger', triggerOf(record)],
    ['Backend', textOf(record, 'backend')],
    ['Due', textOf(record, 'due')],
    ['Operation', textOf(record, 'operationId') ?? (isEvent ? undefined : textOf(record, 'id'))],
    ['Joined', textOf(record, 'joined')],
    ['Pause', textOf(record, 'pauseId')],
    [
      'Pauses',
      member(record, 'pausesUnread') === true ? 'could not be read: it was decided as if there were none' : undefined,
    ],
    ...effectOf(isVerdict ? record : member(record, 'effect')),
  ]
  const shown = facts.flatMap(([label, value]) =>
    value === undefined ? [] : [line(label, excerpt(value, MAX_SHOWN_CHARS))],
  )
  return ok({
    acts: isVerdict || ACTING_OUTCOMES.has(outcome),
    text: [...shown, ''].join('\n'),
    json: {
      kind: 'record',
      outcome: isVerdict ? null : outcome,
      outcomeText: OUTCOME_TEXTS[outcome] ?? null,
      ...(reason === undefined ? {} : { reason }),
      ...(callerReason === undefined ? {} : { callerReason }),
      ...(advice === undefined ? {} : { means: advice.means, next: advice.next }),
      ...(again === undefined ? {} : { again }),
      record,
    },
  })
}

/** Lines are pasted with whatever a log puts around them: the first JSON object that is one of ours is taken. */
function findRecord(text: string): JsonObject | undefined {
  const whole = toRecord(parseJson(text))
  if (whole !== undefined) return whole
  for (const one of text.split('\n')) {
    const begin = one.indexOf('{')
    const found = begin < 0 ? undefined : toRecord(parseJson(one.slice(begin, one.lastIndexOf('}') + 1)))
    if (found !== undefined) return found
  }
  return undefined
}

function toRecord(value: unknown): JsonObject | undefined {
  const object = asObject(value)
  if (object === undefined) return undefined
  const isDecision =
    textOf(object, 'event')?.startsWith('reconnect.') === true && textOf(object, 'outcome') !== undefined
  const isEvent = isDecision || (member(object, 'event') === VERDICT_EVENT && textOf(object, 'verdict') !== undefined)
  const isOperation = textOf(object, 'id') !== undefined && textOf(object, 'state') !== undefined
  if (isEvent || isOperation) return object
  // As a query of Application Insights exports it: the line is one column among others.
  for (const [, column] of entriesOf(object)) {
    const inner = typeof column === 'string' && column.startsWith('{') ? toRecord(parseJson(column)) : undefined
    if (inner !== undefined) return inner
  }
  return undefined
}

function adviceOf(reason: string): Advice | undefined {
  return Object.hasOwn(REASONS, reason) ? REASONS[reason as keyof typeof REASONS] : undefined
}

function textOf(value: unknown, name: string): string | undefined {
  const text = member(value, name)
  return typeof text === 'string' && text !== '' ? text : undefined
}

function callerOf(record: JsonObject): string | undefined {
  const caller = member(record, 'caller')
  const [kind, id, name] = [textOf(caller, 'kind'), textOf(caller, 'id'), textOf(caller, 'name')]
  return kind === undefined || id === undefined ? undefined : `${kind}:${id}${name === undefined ? '' : ` (${name})`}`
}

function triggerOf(record: JsonObject): string | undefined {
  const trigger = member(record, 'trigger')
  const parts = [textOf(trigger, 'webhook'), textOf(trigger, 'alertRule'), textOf(trigger, 'alertId')]
  const kind = textOf(trigger, 'kind')
  return kind && [kind, ...parts.filter((part) => part !== undefined)].join(', ')
}

type Facts = readonly (readonly [label: string, text: string | undefined])[]

/** Whether the reconnect helped, with the times by which it was judged. */
function effectOf(effect: unknown): Facts {
  const verdict = textOf(effect, 'verdict')
  if (verdict === undefined) return []
  const corrected =
    member(effect, 'corrected') === true ? '; it replaces an earlier verdict, which silence had decided' : ''
  const text = Object.hasOwn(VERDICT_TEXTS, verdict) ? `: ${VERDICT_TEXTS[verdict as EffectVerdict]}` : ''
  const evidence = elementsOf(member(effect, 'evidence')).map((one) =>
    [textOf(one, 'at'), textOf(one, 'kind'), textOf(one, 'alertId')].filter((part) => part !== undefined).join(' '),
  )
  return [
    ['Helped', `${verdict}${text}${corrected}`],
    ['Since', textOf(effect, 'since')],
    ['Decide by', textOf(effect, 'decideBy')],
    ['Decided at', textOf(effect, 'decidedAt')],
    ['Evidence', evidence.length === 0 ? 'no later notification of the sender' : evidence.join('; ')],
  ]
}

/** How to ask the policy itself. Roles and groups of the caller are in its token only, so a person is to add them. */
function commandFor(record: JsonObject): string | undefined {
  const caller = member(record, 'caller')
  const [kind, id, backend] = [textOf(caller, 'kind'), textOf(caller, 'id'), textOf(record, 'backend')]
  if (kind === undefined || id === undefined || backend === undefined) return undefined
  const action = textOf(record, 'detail')?.replace(/^action /, '') ?? 'reconnect'
  const principals = kind === 'webhook' ? '' : ' --as role:<each of its app roles> --as group:<each of its groups>'
  return escapeNonAscii(`npm run explain -- --as ${kind}:${id}${principals} --backend '${backend}' --action ${action}`)
}
