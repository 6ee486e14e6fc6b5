import { err, ok, type Result } from '../shared/result.ts'
import { quote } from './credential-refusal.ts'
import type { HttpAnswer, HttpGet } from './http-get.ts'

/** Entra answers in well under a second. A caller that waits for it has a deadline of 30 s by default. */
export const ISSUER_TIMEOUT_MS = 5_000
/** Entra's metadata has 2 KiB, its keys 20 KiB. A server in the issuer's place must not fill the memory. */
export const MAX_ISSUER_ANSWER_BYTES = 1024 * 1024

/**
 * GETs one JSON document of the issuer, limited in time and size. Follows no redirect: keys come from the configured address or not at all.
 * Never rejects; the error is a text for the log.
 */
export async function fetchJson(get: HttpGet, address: string): Promise<Result<unknown, string>> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new Error(`no answer within ${ISSUER_TIMEOUT_MS} ms`)), ISSUER_TIMEOUT_MS)
  try {
    const response = await get(address, stop.signal)
    if (response.status !== 200) return err(`status ${response.status}`)
    const text = await readText(response)
    return text === undefined ? err(`more than ${MAX_ISSUER_ANSWER_BYTES} bytes`) : parseJson(text)
  } catch (error) {
    return err(describe(error))
  } finally {
    clearTimeout(timer)
    // Closes a connection whose answer was not read to its end; without effect otherwise.
    stop.abort()
  }
}

/** Undefined above the size limit. */
async function readText(response: HttpAnswer): Promise<string | undefined> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body) {
    bytes += chunk.byteLength
    if (bytes > MAX_ISSUER_ANSWER_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(text: string): Result<unknown, string> {
  try {
    return ok(JSON.parse(text) as unknown)
  } catch {
    return err('not JSON')
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  return quote('code' in error && typeof error.code === 'string' ? `${error.code} ${error.message}` : error.message)
}
