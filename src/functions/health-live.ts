import { json } from '../http/reply.ts'
import type { Handle } from './routes.ts'

/** The process runs. Nothing else is looked at: a restart would not repair it. */
export const healthLive: Handle = () => Promise.resolve(json(200, { status: 'live' }))
