import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

/** Kestrel's MinRequestBodyDataRate: 240 bytes per second, after five seconds of grace. */
export const BODY_GRACE_MS = 5_000
const MIN_BYTES_PER_SECOND = 240

export type BodyResult =
  | { readonly kind: 'read'; readonly body: Buffer }
  /** The client sent too little for too long. */
  | { readonly kind: 'stalled' }
  /** The client closed the connection before the end of the body. */
  | { readonly kind: 'aborted' }

/** Reads the announced body. Its length is bounded by the caller, its time by Kestrel's minimum rate. */
export async function readBody(request: IncomingMessage, graceMs: number): Promise<BodyResult> {
  const chunks: Buffer[] = []
  let bytes = 0
  const over = new AbortController()

  async function readAll(): Promise<BodyResult> {
    try {
      for await (const chunk of request) {
        chunks.push(chunk as Buffer)
        bytes += (chunk as Buffer).length
      }
      return { kind: 'read', body: Buffer.concat(chunks) }
    } catch {
      return { kind: 'aborted' }
    }
  }

  async function watchRate(): Promise<BodyResult> {
    for (let elapsedMs = graceMs; ; elapsedMs += 1_000) {
      await delay(elapsedMs === graceMs ? graceMs : 1_000, undefined, { signal: over.signal, ref: false })
      if ((bytes * 1_000) / elapsedMs < MIN_BYTES_PER_SECOND) return { kind: 'stalled' }
    }
  }

  const watching = watchRate()
  // Aborted below, when the body is there.
  watching.catch(() => {})
  try {
    return await Promise.race([readAll(), watching])
  } finally {
    over.abort()
  }
}

export function discardBody(request: IncomingMessage): Buffer {
  request.resume()
  return Buffer.alloc(0)
}
