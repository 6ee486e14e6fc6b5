import type * as z from 'zod/mini'
import type { Principal } from '../domain/caller.ts'
import type { Action } from '../domain/failure.ts'
import type { Scope } from '../domain/scope.ts'
import { quoteText } from '../shared/escape-text.ts'
import { err, ok, type Result } from '../shared/result.ts'
import { findNameFaults } from './member-names.ts'
import { memberAt } from './policy-members.ts'
import { POLICY } from './policy-schema.ts'

/** One grant of the policy: the principal may do the actions at the scope and below it. */
export interface Grant {
  /** Position in `grants`, so that a decision can be traced to its grant. */
  readonly index: number
  readonly principal: Principal
  readonly scope: Scope
  readonly actions: readonly Action[]
}

type Validated = z.output<typeof POLICY>

/** An alert sender of the policy. NOT checked: whether its secrets' settings exist. */
export type Webhook = Validated['webhooks'][string] & { readonly name: string }

export interface PolicyDocument {
  readonly grants: readonly Grant[]
  /** A list and not an object, since `constructor` is a possible name of a webhook. */
  readonly webhooks: readonly Webhook[]
  readonly limits: Validated['limits']
  /** ISO 8601 duration, positive, at most seven days. */
  readonly deliverWithin: string
}

/** One problem of the document. It names the place and never repeats the value. */
export interface PolicyProblem {
  /** Such as `grants[2].scope`; empty for the document as a whole. */
  readonly path: string
  readonly expectation: string
  readonly example: string
}

/** Parses the policy document (contract, section 8): plain JSON, a byte order mark is allowed. All problems are reported together. */
export function parsePolicy(text: string): Result<PolicyDocument, readonly PolicyProblem[]> {
  const json = text.replace(/^\uFEFF/, '')
  let document: unknown
  try {
    document = JSON.parse(json)
  } catch (cause) {
    return err([problemAt([], `${memberAt([]).expectation}${whereItStops(cause)}`)])
  }
  const validated = POLICY.safeParse(document)
  const problems = findNameFaults(json).map(({ path, fault }) =>
    problemAt(
      path,
      fault === 'duplicate' ? 'a member name that occurs once in its object' : "another name than '__proto__'",
    ),
  )
  if (!validated.success) problems.push(...validated.error.issues.flatMap(toProblems))
  // Two checks may report the same problem at the same place.
  if (!validated.success || problems.length > 0)
    return err([...new Map(problems.map((problem) => [`${problem.path} ${problem.expectation}`, problem])).values()])
  const { grants, webhooks, limits, deliverWithin } = validated.data
  const unknown = grants.flatMap(({ principal }, index) =>
    isOfUnknownWebhook(principal, webhooks) ? [problemAt(['grants', index, 'principal'], UNKNOWN_WEBHOOK)] : [],
  )
  if (unknown.length > 0) return err(unknown)
  return ok({
    grants: grants.map((grant, index) => ({ index, ...grant })),
    webhooks: Object.entries(webhooks).map(([name, webhook]) => ({ name, ...webhook })),
    limits,
    deliverWithin,
  })
}

const UNKNOWN_WEBHOOK = "'webhook:' and the name of a webhook that this document has"

/** A grant to a webhook that does not exist is a spelling mistake, or a left-over of a removed webhook. */
function isOfUnknownWebhook(principal: Principal, webhooks: Validated['webhooks']): boolean {
  return principal.startsWith('webhook:') && !Object.hasOwn(webhooks, principal.slice('webhook:'.length))
}

/** Line and column from the parser's message, if it has them. The rest of the message quotes the text, which may be secret. */
function whereItStops(cause: unknown): string {
  const place = cause instanceof Error ? /line \d+ column \d+/.exec(cause.message)?.[0] : undefined
  return place === undefined ? '' : `; it stops being that at ${place}`
}

type Issue = z.core.$ZodIssue

function toProblems(issue: Issue): PolicyProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      problemAt([...issue.path, key], 'no member of this name here', memberAt(issue.path).example),
    )
  const isOurs = issue.code === 'custom' && issue.message !== 'Invalid input'
  return [problemAt(issue.path, isOurs ? issue.message : undefined)]
}

function problemAt(path: readonly PropertyKey[], expectation?: string, example?: unknown): PolicyProblem {
  const member = memberAt(path)
  const shown = example ?? member.example
  return {
    path: path.map(toStep).join('').replace(/^\./, ''),
    expectation: expectation ?? member.expectation,
    example: typeof shown === 'string' ? shown : JSON.stringify(shown),
  }
}

/** Member names are bounded and in ASCII, so that none can forge a log line. */
function toStep(step: PropertyKey): string {
  if (typeof step === 'number') return `[${step}]`
  const name = String(step)
  if (/^[A-Za-z_$][A-Za-z0-9_$-]{0,62}$/.test(name)) return `.${name}`
  return `[${quoteText(name, 63)}]`
}
