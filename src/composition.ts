import { createArm } from './arm/arm.ts'
import type { ConfigProblem } from './config/config.ts'
import { loadConfig } from './config/load-config.ts'
import type { Challenge } from './http/failure-reply.ts'
import { createAuthenticator, type Authenticator } from './identity/authenticator.ts'
import { createGrantIndex } from './policy/grant-index.ts'
import type { ApiVersions } from './reconnect/parse-command.ts'
import type { ReconnectPorts } from './reconnect/reconnect.ts'
import { systemClock } from './shared/clock.ts'
import { createDeadline } from './shared/deadline.ts'
import { consoleLog } from './shared/log.ts'
import { err, ok, type Result } from './shared/result.ts'

/** The rooms, wired to each other. */
export interface App {
  readonly ports: Omit<ReconnectPorts, 'record'>
  readonly authenticator: Authenticator
  readonly apiVersions: ApiVersions
  readonly challenge: Challenge
  readonly deadlineMs: number
  /** Reads what the first request needs: the SDK and the issuer's keys. */
  warm(): Promise<void>
}

let composed: Result<App, readonly ConfigProblem[]> | undefined

/** The one place where rooms meet, once per process. With a bad configuration there is no app, only the list of what is wrong. */
export function composition(): Result<App, readonly ConfigProblem[]> {
  return (composed ??= compose())
}

function compose(): Result<App, readonly ConfigProblem[]> {
  const config = loadConfig()
  if (!config.ok) {
    for (const problem of config.error) {
      consoleLog.error(JSON.stringify({ event: 'reconnect.configuration', ...problem }))
    }
    return err(config.error)
  }
  const { entra, appServiceAuthentication, policy, mode, deadlineMs } = config.value
  const arm = createArm(config.value.arm, systemClock)
  const authenticator = createAuthenticator({ entra, appServiceAuthentication, clock: systemClock, log: consoleLog })
  return ok({
    ports: {
      authenticate: authenticator.authenticate,
      grants: createGrantIndex(policy.grants),
      mode,
      forward: arm.forward,
      clock: systemClock,
    },
    authenticator,
    apiVersions: { supported: config.value.arm.apiVersions, fallback: config.value.arm.defaultApiVersion },
    challenge: { authorizationUri: `${entra.authority}/${entra.tenantId}` },
    deadlineMs,
    async warm() {
      await arm.preload()
      const deadline = createDeadline(systemClock, deadlineMs)
      await authenticator.keysKnown(deadline).finally(deadline.dispose)
    },
  })
}
