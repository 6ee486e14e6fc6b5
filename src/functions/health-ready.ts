import { composition, type App } from '../composition.ts'
import { describeFailure } from '../http/failure-reply.ts'
import { json } from '../http/reply.ts'
import { createDeadline } from '../shared/deadline.ts'
import type { Handle } from './routes.ts'

/** Load balancers ask often and wait little. Storage is asked meanwhile, with a limit of its own (`storage/readiness.ts`). */
const KEYS_DEADLINE_MS = 5_000
const RETRY_AFTER = { 'retry-after': '10' }

interface Check {
  readonly name: 'configuration' | 'issuer-keys' | 'storage'
  readonly status: 'pass' | 'fail'
}

/**
 * Whether requests can be judged. Names the check, never a value. Neither ARM nor the identity endpoint is asked: any client may call
 * this, and it must not be a way to spend their budgets.
 */
export const healthReady: Handle = async () => {
  const app = composition()
  if (!app.ok) {
    const error = describeFailure({ reason: 'configuration_invalid' })
    const checks: readonly Check[] = [{ name: 'configuration', status: 'fail' }]
    return json(503, { status: 'unready', checks, error }, { 'x-ms-error-code': error.code, ...RETRY_AFTER })
  }
  const checks: readonly Check[] = [{ name: 'configuration', status: 'pass' }, ...(await checkDependencies(app.value))]
  const ready = checks.every(({ status }) => status === 'pass')
  return json(ready ? 200 : 503, { status: ready ? 'ready' : 'unready', checks }, ready ? {} : RETRY_AFTER)
}

async function checkDependencies({ clock, authenticator, storageAnswers }: App): Promise<readonly Check[]> {
  const deadline = createDeadline(clock, KEYS_DEADLINE_MS)
  try {
    const [keys, storage] = await Promise.all([authenticator.keysKnown(deadline), storageAnswers()])
    return [
      { name: 'issuer-keys', status: keys ? 'pass' : 'fail' },
      { name: 'storage', status: storage ? 'pass' : 'fail' },
    ]
  } finally {
    deadline.dispose()
  }
}
