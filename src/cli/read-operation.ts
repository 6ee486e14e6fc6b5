import { parseOrigin } from '../config/origin.ts'
import { excerpt } from '../shared/escape-text.ts'
import { err, ok, type Result } from '../shared/result.ts'

/** The app answers within its deadline, 30 seconds by default; a person waits no longer. */
const TIMEOUT_MS = 35_000
/** An operation has a few KiB. */
const MAX_ANSWER_CHARS = 256 * 1024

/** `GET /operations/{operationId}` of a running app, with a token. The token is sent over https, or to this machine, and nowhere else. */
export async function readOperation(
  app: string,
  operationId: string,
  token: string,
): Promise<Result<string, readonly string[]>> {
  const origin = parseOrigin(app, 'on-loopback')
  if (origin === undefined)
    return err(['--app: expected the https origin of the app, without a path (http on a loopback address only)'])
  if (!/^[A-Za-z0-9._~+/=-]{1,16384}$/.test(token))
    return err([
      'standard input: expected a token, as `az account get-access-token --query accessToken -o tsv` prints it',
    ])
  try {
    const response = await fetch(`${origin}/operations/${encodeURIComponent(operationId)}`, {
      headers: { authorization: `Bearer ${token}` },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = (await response.text()).slice(0, MAX_ANSWER_CHARS)
    return response.ok ? ok(text) : err([`the app answered ${response.status}: ${excerpt(text, 500)}`])
  } catch (cause) {
    return err([`the app at ${origin} did not answer: ${excerpt(describe(cause), 300)}`])
  }
}

function describe(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? `${cause.message} (${cause.cause.message})` : cause.message
}
