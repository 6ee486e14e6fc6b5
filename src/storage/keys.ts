import { createHash, hash, randomBytes, randomUUID } from 'node:crypto'
import type { Backend } from '../domain/backend-id.ts'
import type { OperationId } from '../domain/operation-id.ts'
import type { PauseId } from '../domain/pause.ts'
import type { Scope } from '../domain/scope.ts'
import { foldAscii } from '../domain/segments.ts'

/**
 * Table keys refuse `/ \ # ?` and control characters, so a resource id cannot be one. A backend's partition is a hash of its folded id.
 * An operation's id holds its partition, its time and a random UUID (122 random bits): one point read finds it, and it cannot be guessed.
 */
const PARTITION_BYTES = 16
const TIME_BYTES = 6
const RANDOM_BYTES = 16
const ID = /^[A-Za-z0-9_-]{51}$/
/** Row keys sort upwards. Newest first: a key holds what is left of this time (year 10889). */
const END_OF_TIME_MS = 2 ** 48 - 1

/** The partition of a backend's rows: 32 hexadecimal digits. */
export function partitionKeyOf(backendKey: string): string {
  return hash('sha256', backendKey, 'hex').slice(0, PARTITION_BYTES * 2)
}

export interface OperationKeys {
  readonly partitionKey: string
  readonly rowKey: string
  readonly requestedAtEpochMs: number
}

/** The UUID's random bits come from a supply that Node draws from the system in blocks; `randomBytes` asks the system for each id. */
export function createOperationId(backendKey: string, epochMs: number): OperationId {
  // Every byte of it is written below.
  const bytes = Buffer.allocUnsafe(PARTITION_BYTES + TIME_BYTES + RANDOM_BYTES)
  bytes.write(partitionKeyOf(backendKey), 'hex')
  bytes.writeUIntBE(Math.trunc(epochMs), PARTITION_BYTES, TIME_BYTES)
  bytes.write(randomUUID().replaceAll('-', ''), PARTITION_BYTES + TIME_BYTES, 'hex')
  return bytes.toString('base64url') as OperationId
}

/** Undefined for what cannot be an id of this app. */
export function parseOperationId(text: string): OperationId | undefined {
  return ID.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text
    ? (text as OperationId)
    : undefined
}

/** Whether an id names an operation of this backend. */
export function isOperationOf(id: OperationId, backendKey: string): boolean {
  return operationKeysOf(id).partitionKey === partitionKeyOf(backendKey)
}

/** Where an operation's row is: newest first within its backend. */
export function operationKeysOf(id: OperationId): OperationKeys {
  const bytes = Buffer.from(id, 'base64url')
  const requestedAtEpochMs = bytes.readUIntBE(PARTITION_BYTES, TIME_BYTES)
  const random = bytes.subarray(PARTITION_BYTES + TIME_BYTES).toString('hex')
  return {
    partitionKey: bytes.subarray(0, PARTITION_BYTES).toString('hex'),
    rowKey: `op-${invertedTime(requestedAtEpochMs)}-${random}`,
    requestedAtEpochMs,
  }
}

/** Where the copy is that lists across backends are read from: by month, newest first. */
export function historyKeysOf(id: OperationId): { readonly partitionKey: string; readonly rowKey: string } {
  const { requestedAtEpochMs } = operationKeysOf(id)
  const mark = createHash('sha256').update(id).digest('hex').slice(0, 16)
  return { partitionKey: monthOf(requestedAtEpochMs), rowKey: `${invertedTime(requestedAtEpochMs)}-${mark}` }
}

export function invertedTime(epochMs: number): string {
  return (END_OF_TIME_MS - Math.trunc(epochMs)).toString(16).padStart(TIME_BYTES * 2, '0')
}

/** `2026-11`, in UTC. */
export function monthOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 7)
}

/** Stands between the segments of {@link backendRowKeyOf}, and sorts before each of their characters. */
const SEPARATOR = '!'
/** Sorts behind each of their characters. */
const AFTER_ALL = '~'
const MAX_SEGMENT_CHARS = 60

/** Where a backend is in the list of backends. Below one scope the keys are one range, whatever the backends are called. */
export function backendRowKeyOf({ subscriptionId, resourceGroupName, serviceName, backendId }: Backend): string {
  return toRowKey([subscriptionId, resourceGroupName, serviceName, backendId])
}

/** The row keys of the backends in a scope: from the first one on, and before the second one. */
export function backendRangeOf({ key }: Scope): { readonly from: string; readonly to: string } {
  const [, , subscriptionId, , group, , , , service, , backend] = key.split('/')
  const prefix = toRowKey([subscriptionId, group, service, backend].filter((segment) => segment !== undefined))
  return backend === undefined
    ? { from: `${prefix}${SEPARATOR}`, to: `${prefix}${SEPARATOR}${AFTER_ALL}` }
    : { from: prefix, to: `${prefix}${SEPARATOR}` }
}

function toRowKey(segments: readonly string[]): string {
  return segments.map(toKeySegment).join(SEPARATOR)
}

/** Letters, digits, dots and hyphens stay; everything else becomes `_` and two hexadecimal digits. A long one ends in a hash. */
function toKeySegment(segment: string): string {
  const text = foldAscii(segment)
  const escaped = text.replace(/[^0-9a-z.-]/g, (one) => `_${one.charCodeAt(0).toString(16).padStart(2, '0')}`)
  if (escaped.length <= MAX_SEGMENT_CHARS) return escaped
  return `${escaped.slice(0, 36)}__${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
}

/** 16 random bytes. */
const PAUSE_ID = /^[A-Za-z0-9_-]{22}$/

export function createPauseId(): PauseId {
  return randomBytes(RANDOM_BYTES).toString('base64url') as PauseId
}

/** Undefined for what cannot be an id of this app. */
export function parsePauseId(text: string): PauseId | undefined {
  return PAUSE_ID.test(text) ? (text as PauseId) : undefined
}
