import * as z from 'zod/mini'
import { EFFECT_VERDICTS, type Effect, type Watch } from '../domain/effect.ts'
import { OPERATION_STATES, type StoredOperation } from '../domain/operation.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { ShownPause } from '../domain/pause.ts'
import { UNACTED_OUTCOMES, type UnactedDelivery } from '../domain/unacted-delivery.ts'
import { parseJson } from '../shared/json.ts'
import { parseOperationId } from './keys.ts'

/**
 * What a row must say so that this app can work with it. Another version of the app may have written the row, or a person. Members that are not
 * named here stay as they are: they are only shown.
 */

/** JavaScript has no time beyond (ECMA-262, "Time Values and Time Range"). */
const MAX_EPOCH_MS = 8.64e15

const epochMs = z.number().check(z.gte(-MAX_EPOCH_MS), z.lte(MAX_EPOCH_MS))
const time = z.string().check(z.refine((text) => !Number.isNaN(Date.parse(text))))
const operationId = z.string().check(z.refine((text) => parseOperationId(text) !== undefined))

const effect = z.looseObject({
  verdict: z.enum(EFFECT_VERDICTS),
  since: time,
  decideBy: time,
  evidence: z.array(z.unknown()),
})

const operation = z.looseObject({
  id: operationId,
  backend: z.string(),
  state: z.enum(OPERATION_STATES),
  joined: z.optional(operationId),
  due: z.optional(time),
  requestedAt: time,
  updatedAt: time,
  caller: z.looseObject({ kind: z.string(), id: z.string() }),
  trigger: z.union([
    z.looseObject({ kind: z.literal('http') }),
    z.looseObject({ kind: z.literal('webhook'), webhook: z.string() }),
  ]),
  attempts: z.number(),
  effect: z.optional(effect),
  generation: z.optional(z.number()),
  firing: z.optional(
    z.looseObject({
      atEpochMs: epochMs,
      alert: z.optional(z.looseObject({ key: z.string(), startedAtEpochMs: epochMs })),
    }),
  ),
})

const watch = z.looseObject({
  operationId,
  dueEpochMs: epochMs,
  decideByEpochMs: epochMs,
  settleMs: epochMs,
  confirms: z.boolean(),
  origin: z.looseObject({ webhook: z.string(), correlationId: z.string() }),
  notices: z.array(
    z.looseObject({ kind: z.enum(['resolved', 'closed']), atEpochMs: epochMs, healthyEpochMs: epochMs }),
  ),
  silentAtEpochMs: z.optional(epochMs),
})

const pause = z.looseObject({
  scope: z.string(),
  webhook: z.optional(z.string()),
  until: time,
  reason: z.string(),
  createdAt: time,
  createdBy: z.looseObject({ kind: z.string(), id: z.string() }),
})

const delivery = z.looseObject({ at: time, outcome: z.enum(UNACTED_OUTCOMES) })

/** How one column is read. Undefined: it cannot be. */
export type ReadColumn<T> = (column: unknown) => T | undefined

export const readText: ReadColumn<string> = one(z.string())
export const readTime: ReadColumn<number> = (column) => {
  const text = one<string>(time)(column)
  return text === undefined ? undefined : Date.parse(text)
}
export const readOperationId: ReadColumn<OperationId> = one(operationId)
export const readCount: ReadColumn<number> = one(z.number().check(z.gte(0)))
/** Times in epoch milliseconds, separated by spaces. */
export const readTimes: ReadColumn<readonly number[]> = (column) =>
  one<readonly number[]>(z.array(epochMs))(readText(column)?.split(' ').map(Number))
/** 32 bytes in Base64. */
export const readSecret: ReadColumn<Buffer> = (column) => {
  const secret = Buffer.from(readText(column) ?? '', 'base64')
  return secret.byteLength === 32 ? secret : undefined
}
export const readOperation: ReadColumn<StoredOperation> = json(operation)
export const readEffect: ReadColumn<Effect> = json(effect)
export const readJoinedAlerts: ReadColumn<readonly (readonly [key: string, startedAtEpochMs: number])[]> = json(
  z.array(z.tuple([z.string(), epochMs])),
)
export const readPause: ReadColumn<ShownPause> = json(pause)
export const readDelivery: ReadColumn<UnactedDelivery> = json(delivery)
/** Each for itself: one that cannot be read is `undefined` among the others. */
export const readWatches: ReadColumn<readonly (Watch | undefined)[]> = (column) =>
  json<readonly unknown[]>(z.array(z.unknown()))(column)?.map(one<Watch>(watch))

/** The schema checks what this app relies on, and the type says the rest. */
function one<T>(schema: z.ZodMiniType): ReadColumn<T> {
  return (column) => {
    const read = schema.safeParse(column)
    return read.success ? (read.data as T) : undefined
  }
}

function json<T>(schema: z.ZodMiniType): ReadColumn<T> {
  const read = one<T>(schema)
  return (column) => (typeof column === 'string' ? read(parseJson(column)) : undefined)
}
