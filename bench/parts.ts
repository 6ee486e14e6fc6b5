import type { Part } from './part.ts'
import { measureAlerts } from './parts/alerts.ts'
import { measureAuthorization } from './parts/authorization.ts'
import { measureDistinct } from './parts/distinct.ts'
import { measureHistory } from './parts/history.ts'
import { measureMemory } from './parts/memory.ts'
import { measureStartUp } from './parts/start-up.ts'
import { measureStorm } from './parts/storm.ts'
import { measureThroughput } from './parts/throughput.ts'
import { measureTokenVerification } from './parts/token-verification.ts'

/** By the names that `--part` takes, in the order in which they are measured. */
export const PARTS: ReadonlyMap<string, Part> = new Map([
  ['start-up', measureStartUp],
  ['throughput', measureThroughput],
  ['authorization', measureAuthorization],
  ['tokens', measureTokenVerification],
  ['memory', measureMemory],
  ['storm', measureStorm],
  ['distinct', measureDistinct],
  ['history', measureHistory],
  ['alerts', measureAlerts],
])
