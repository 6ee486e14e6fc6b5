import type { IncomingMessage } from 'node:http'

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

  const stalled = Promise.withResolvers<BodyResult>()
  const watchRate = (elapsedMs: number, waitMs: number): NodeJS.Timeout =>
    setTimeout(() => {
      if ((bytes * 1_000) / elapsedMs < MIN_BYTES_PER_SECOND) stalled.resolve({ kind: 'stalled' })
      else timer = watchRate(elapsedMs + 1_000, 1_000)
    }, waitMs).unref()
  let timer = watchRate(graceMs, graceMs)
  try {
    return await Promise.race([readAll(), stalled.promise])
  } finally {
    clearTimeout(timer)
  }
}

export function discardBody(request: IncomingMessage): Buffer {
  request.resume()
  return Buffer.alloc(0)
}
