import assert from 'node:assert/strict'
import { systemClock } from '../../../src/shared/clock.ts'
import { assertRefused, type IdentityRoom } from './identity-room.ts'
import { status, type Answer } from './loopback-issuer.ts'

export const hang: Answer = () => {}

export function takeDown(room: IdentityRoom): void {
  room.issuer.metadataAnswer = status(503)
  room.issuer.keysAnswer = status(503)
}

export function bringBack(room: IdentityRoom): void {
  room.issuer.metadataAnswer = undefined
  room.issuer.keysAnswer = undefined
}

export function assertRequests(room: IdentityRoom, metadata: number, keys: number): void {
  assert.deepEqual({ metadata: room.issuer.metadataRequests, keys: room.issuer.keysRequests }, { metadata, keys })
}

export function assertUnavailable(
  result: Awaited<ReturnType<IdentityRoom['authenticateToken']>>,
  retryAfterSeconds?: number,
): void {
  const failure = assertRefused(result, 'keys_unavailable')
  if (retryAfterSeconds !== undefined)
    assert.equal('retryAfterSeconds' in failure && failure.retryAfterSeconds, retryAfterSeconds)
}

/** Waits until a background request has ended. */
export async function settled(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 4_000 && !done(); turn++) await systemClock.sleep(5)
  assert.ok(done(), 'it never came to pass')
}
