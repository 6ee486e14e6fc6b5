/** What the page says of a request that failed: what happened, and the next step. */
export interface Problem {
  readonly kind:
    | 'signed-out'
    | 'forbidden'
    | 'not-found'
    | 'not-available'
    | 'refused'
    | 'unavailable'
    | 'misconfigured'
    | 'unreachable'
    | 'failed'
  readonly title: string
  readonly text: string
  /** The app's own message. */
  readonly said?: string
  readonly correlationId?: string
  readonly retryAfterSeconds?: number
}

/** The facts of an answer that is no success. */
export interface Refusal {
  readonly status: number
  readonly code?: string
  readonly message?: string
  readonly correlationId?: string
  readonly retryAfterSeconds?: number
}

export const UNREACHABLE: Problem = {
  kind: 'unreachable',
  title: 'The app does not answer',
  text: 'Check the network. If it works, the app is down or restarting. The page tries again by itself.',
}

/** Sign-in threw before it began, such as where the browser keeps no data for this site. */
export function toStartProblem(fault: unknown): Problem {
  return {
    kind: 'failed',
    title: 'The page cannot start',
    text: 'Sign-in needs the session storage of this browser. Allow data for this site, then reload.',
    said: fault instanceof Error ? fault.message : String(fault),
  }
}

export function toProblem({ status, code, message, ...facts }: Refusal): Problem {
  const known = describe(status, code, facts.retryAfterSeconds)
  return { ...known, ...(message === undefined ? {} : { said: message }), ...facts }
}

function describe(status: number, code: string | undefined, seconds: number | undefined): Problem {
  const again = seconds === undefined ? 'Try again.' : `Try again in ${seconds} s.`
  if (status === 401)
    return {
      kind: 'signed-out',
      title: 'Your sign-in is not valid',
      text: 'It has expired, or it is for another app. Sign in again; you come back to this place.',
    }
  if (status === 403)
    return {
      kind: 'forbidden',
      title: 'You lack a grant for this',
      text: 'The message names the action and the scope. Ask the team that keeps the policy of this app to grant them to one of your principals, which “What may I do” lists.',
    }
  // The host's own 404 has no code: this version of the app has no such route.
  if (status === 404 && code === undefined)
    return { kind: 'not-available', title: 'Not available', text: 'This version of the app does not offer it.' }
  if (status === 404)
    return {
      kind: 'not-found',
      title: 'Not found',
      text: 'There is none, it is older than 90 days, or you may not read it. “What may I do” shows where you may read.',
    }
  if (code === 'ConfigurationInvalid')
    return {
      kind: 'misconfigured',
      title: 'The configuration of the app is invalid',
      text: 'It serves no request until that is fixed. Its log names every setting that is wrong. Tell the team that runs it.',
    }
  if (status === 503)
    return {
      kind: 'unavailable',
      title: 'The app cannot do this at the moment',
      text: `Storage, the token issuer or Azure does not answer, or reconnects are switched off. ${again}`,
    }
  if (status === 502 || status === 504)
    return {
      kind: 'failed',
      title: 'Azure Resource Manager did not accept it',
      text: 'The message says whether the reconnect may have been accepted. To repeat it does no harm.',
    }
  if (status >= 500)
    return {
      kind: 'failed',
      title: 'The app failed',
      text: 'Send the correlation id to the team that runs it.',
    }
  return { kind: 'refused', title: 'The request was refused', text: `Correct what the message names. ${again}` }
}
