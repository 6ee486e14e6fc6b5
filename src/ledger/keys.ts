import { createHash, randomBytes } from 'node:crypto'
import type { OperationId } from '../domain/operation.ts'

/**
 * Table keys refuse `/ \ # ?` and control characters, so that no resource id can be one: a backend's partition is a hash of its folded
 * id, and every legal backend id has one. An operation's id holds its partition, its time and 16 random bytes, so that it is found with
 * one point read and cannot be guessed.
 */
const PARTITION_BYTES = 16
const TIME_BYTES = 6
const RANDOM_BYTES = 16
const ID = /^[A-Za-z0-9_-]{51}$/
/** Row keys sort upwards; newest first means that time is written as what is left of this (year 10889). */
const END_OF_TIME_MS = 2 ** 48 - 1

/** The partition of a backend's rows. */
export function partitionKeyOf(backendKey: string): string {
  return createHash('sha256').update(backendKey).digest().subarray(0, PARTITION_BYTES).toString('hex')
}

export interface OperationKeys {
  readonly partitionKey: string
  readonly rowKey: string
  readonly requestedAtEpochMs: number
}

export function createOperationId(
  partitionKey: string,
  epochMs: number,
  random: (size: number) => Buffer = randomBytes,
): OperationId {
  const time = Buffer.alloc(TIME_BYTES)
  time.writeUIntBE(Math.trunc(epochMs), 0, TIME_BYTES)
  return Buffer.concat([Buffer.from(partitionKey, 'hex'), time, random(RANDOM_BYTES)]).toString(
    'base64url',
  ) as OperationId
}

/** Undefined for what cannot be an id of ours. */
export function parseOperationId(text: string): OperationId | undefined {
  return ID.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text
    ? (text as OperationId)
    : undefined
}

/** Whether an id names an operation of this backend: whose slot is taken must be whose backend is reconnected. */
export function isOperationOf(id: string, backendKey: string): id is OperationId {
  const parsed = parseOperationId(id)
  return parsed !== undefined && operationKeysOf(parsed).partitionKey === partitionKeyOf(backendKey)
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

/**
 * Where the copy of an operation is that lists across backends are read from: by month, newest first. The key tells nothing of the id:
 * `nextLink` shows a position to callers who may not read what stands there.
 */
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
