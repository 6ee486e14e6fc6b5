import { composition } from '../composition.ts'
import { json } from '../http/reply.ts'
import { createDeadline } from '../shared/deadline.ts'
import type { Handle } from './handle.ts'

/** Load balancers ask often and wait little. */
const READY_DEADLINE_MS = 5_000

interface Check {
  readonly name: 'configuration' | 'issuer-keys'
  readonly status: 'pass' | 'fail'
}

/**
 * Whether requests can be judged. Names the check, never a value. Neither ARM nor the identity endpoint is asked: anybody may call
 * this, and it must not be a way to spend their budgets.
 */
export const healthReady: Handle = async () => {
  const app = composition()
  const checks: Check[] = [{ name: 'configuration', status: app.ok ? 'pass' : 'fail' }]
  if (app.ok) {
    const deadline = createDeadline(app.value.ports.clock, READY_DEADLINE_MS)
    try {
      checks.push({ name: 'issuer-keys', status: (await app.value.authenticator.keysKnown(deadline)) ? 'pass' : 'fail' })
    } finally {
      deadline.dispose()
    }
  }
  const ready = checks.every(({ status }) => status === 'pass')
  return json(ready ? 200 : 503, { status: ready ? 'ready' : 'unready', checks }, ready ? {} : { 'retry-after': '10' })
}
