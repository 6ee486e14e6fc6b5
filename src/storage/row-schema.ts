import * as z from 'zod/mini'
import { EFFECT_VERDICTS, type Effect, type Watch } from '../domain/effect.ts'
import type { StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { ShownPause } from '../domain/pause.ts'
import { UNACTED_OUTCOMES, type UnactedDelivery } from '../domain/unacted-delivery.ts'
import { entriesOf, parseJson } from '../shared/json.ts'
import { parseOperationId } from './keys.ts'

/**
 * What a row must say so that this app can work with it. Another version of the app may have written the row, or a person. What passes is returned
 * as it is, in its own order: verdicts are compared as texts (`coordination/find-applied.ts`).
 */

/** Year 33658: the sum of two is still a time (ECMA-262, "Time Values and Time Range"). */
const MAX_EPOCH_MS = 1e15

const text = z.string()
const count = z.number().check(z.gte(0))
const epochMs = z.number().check(z.gte(-MAX_EPOCH_MS), z.lte(MAX_EPOCH_MS))
const time = text.check(z.refine((value) => !Number.isNaN(Date.parse(value))))
const operationId = text.check(z.refine((value) => parseOperationId(value) !== undefined))

const effect = z.looseObject({
  verdict: z.enum(EFFECT_VERDICTS),
  since: time,
  decideBy: time,
  evidence: z.array(z.looseObject({ kind: text, at: time })),
})

/** What decisions need. A state or trigger of a later version is accepted: that the operation is over must not be lost. */
const operation = z.looseObject({
  id: operationId,
  backend: text,
  state: text,
  requestedAt: time,
  updatedAt: time,
  caller: z.looseObject({ kind: text, id: text }),
  trigger: z.looseObject({ kind: text }),
  attempts: z.number(),
})

/** Members without which an operation is still one: each that cannot be read is left out. */
const OPTIONAL: ReadonlyMap<string, z.ZodMiniType> = new Map<string, z.ZodMiniType>([
  ['effect', effect],
  ['due', time],
  [
    'firing',
    z.looseObject({
      atEpochMs: epochMs,
      alert: z.optional(z.looseObject({ key: text, startedAtEpochMs: epochMs })),
    }),
  ],
])

const watch = z.looseObject({
  operationId,
  dueEpochMs: epochMs,
  decideByEpochMs: epochMs,
  settleMs: count.check(z.lte(MAX_EPOCH_MS)),
  confirms: z.boolean(),
  origin: z.looseObject({ webhook: text, correlationId: text }),
  notices: z.array(
    z.looseObject({ kind: z.enum(['resolved', 'closed']), atEpochMs: epochMs, healthyEpochMs: epochMs }),
  ),
  silentAtEpochMs: z.optional(epochMs),
})

const pause = z.looseObject({
  scope: text,
  webhook: z.optional(text),
  until: time,
  reason: text,
  createdAt: time,
  createdBy: z.looseObject({ kind: text, id: text }),
})

const delivery = z.looseObject({ at: time, outcome: z.enum(UNACTED_OUTCOMES) })

/** How one column is read. Undefined: it cannot be. */
export type ReadColumn<T> = (column: unknown) => T | undefined

export const readText: ReadColumn<string> = checked(text)
export const readCount: ReadColumn<number> = checked(count)
export const readOperationId: ReadColumn<OperationId> = checked(operationId)
export const readEffect: ReadColumn<Effect> = checkedJson(effect)
export const readPause: ReadColumn<ShownPause> = checkedJson(pause)
export const readDelivery: ReadColumn<UnactedDelivery> = checkedJson(delivery)
export const readJoinedAlerts: ReadColumn<readonly (readonly [key: string, startedAtEpochMs: number])[]> = checkedJson(
  z.array(z.tuple([text, epochMs])),
)

const checkTime = checked<string>(time)
export const readTime: ReadColumn<number> = (column) => {
  const known = checkTime(column)
  return known === undefined ? undefined : Date.parse(known)
}

const checkEpochMs = checked<number>(epochMs)
/** Times in epoch milliseconds, separated by spaces. Each for itself: one that cannot be read is `undefined` among the others. */
export const readTimes: ReadColumn<readonly (number | undefined)[]> = (column) =>
  readText(column)
    ?.split(' ')
    .map((one) => checkEpochMs(Number(one)))

const checkWatch = checked<Watch>(watch)
const checkList = checkedJson<readonly unknown[]>(z.array(z.unknown()))
/** Each for itself, as {@link readTimes}. */
export const readWatches: ReadColumn<readonly (Watch | undefined)[]> = (column) => checkList(column)?.map(checkWatch)

const checkOperation = checkedJson<StoredOperation>(operation)
export const readOperation: ReadColumn<StoredOperation> = (column) => {
  const known = checkOperation(column)
  return known === undefined ? undefined : withoutUnreadable(known)
}

function withoutUnreadable(stored: StoredOperation): StoredOperation {
  const members = entriesOf(stored)
  const kept = members.filter(([name, value]) => OPTIONAL.get(name)?.safeParse(value).success ?? true)
  return kept.length === members.length ? stored : (Object.fromEntries(kept) as unknown as StoredOperation)
}

/** 32 bytes in Base64. */
export const readSecret: ReadColumn<Buffer> = (column) => {
  const secret = Buffer.from(readText(column) ?? '', 'base64')
  return secret.byteLength === 32 ? secret : undefined
}

/** The schema checks what this app relies on, and the type says the rest. */
function checked<T>(schema: z.ZodMiniType): ReadColumn<T> {
  return (column) => (schema.safeParse(column).success ? (column as T) : undefined)
}

function checkedJson<T>(schema: z.ZodMiniType): ReadColumn<T> {
  const check = checked<T>(schema)
  return (column) => (typeof column === 'string' ? check(parseJson(column)) : undefined)
}
