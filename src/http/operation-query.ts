import { parseBackendResourceId } from '../domain/backend-id.ts'
import { EFFECT_VERDICTS } from '../domain/effect.ts'
import type { RequestFailure } from '../domain/failure.ts'
import { OPERATION_STATES } from '../domain/operation.ts'
import { parseServiceScope } from '../domain/scope.ts'
import type { OperationQuery } from '../domain/operation-query.ts'
import { parseTimestamp, TIMESTAMP_EXPECTATION } from '../domain/timestamp.ts'
import type { Result } from '../shared/result.ts'
import {
  readParameters,
  readSkipToken,
  SERVICE_EXPECTATION,
  SKIP_TOKEN,
  type ParameterReaders,
} from './query-parameters.ts'

export const DEFAULT_TOP = 50
export const MAX_TOP = 200
/** Ids and rule names are stored up to this length (`MAX_ID_CHARS` of the alerts). */
const MAX_ALERT_TEXT_CHARS = 256

type Parsed<T> = Result<T, RequestFailure>
type Draft = { -readonly [K in keyof OperationQuery]: OperationQuery[K] }

const READERS: ParameterReaders<Draft> = {
  backend(text, draft) {
    const backend = parseBackendResourceId(text)
    if (!backend.ok) return 'the resource id of an API Management backend'
    draft.backend = backend.value
    return undefined
  },
  service(text, draft) {
    const service = parseServiceScope(text)
    if (service === undefined) return SERVICE_EXPECTATION
    draft.serviceKey = service.key
    return undefined
  },
  state(text, draft) {
    const state = OPERATION_STATES.find((known) => known === text)
    if (state === undefined) return `one of ${OPERATION_STATES.join(', ')}`
    draft.state = state
    return undefined
  },
  alert: (text, draft) => alertText(text, () => (draft.alertId = text)),
  rule: (text, draft) => alertText(text, () => (draft.alertRule = text)),
  effect(text, draft) {
    const effect = EFFECT_VERDICTS.find((known) => known === text)
    if (effect === undefined) return `one of ${EFFECT_VERDICTS.join(', ')}`
    draft.effect = effect
    return undefined
  },
  from: (text, draft) => timestamp(text, (epochMs) => (draft.fromEpochMs = epochMs)),
  to: (text, draft) => timestamp(text, (epochMs) => (draft.toEpochMs = epochMs)),
  top(text, draft) {
    if (!/^[0-9]{1,3}$/.test(text) || Number(text) < 1 || Number(text) > MAX_TOP)
      return `a whole number from 1 to ${MAX_TOP}`
    draft.top = Number(text)
    return undefined
  },
  [SKIP_TOKEN]: readSkipToken,
}

/** The parameters of `GET /operations`, as they are documented. */
export const OPERATION_PARAMETERS: readonly string[] = Object.keys(READERS)

/** Reads the parameters of `GET /operations` (contract, section 7). */
export function parseOperationQuery(query: URLSearchParams): Parsed<OperationQuery> {
  return readParameters(query, READERS, { top: DEFAULT_TOP })
}

function alertText(text: string, keep: () => void): string | undefined {
  if (text === '' || text.length > MAX_ALERT_TEXT_CHARS) return `a text of 1 to ${MAX_ALERT_TEXT_CHARS} characters`
  keep()
  return undefined
}

function timestamp(text: string, keep: (epochMs: number) => void): string | undefined {
  const epochMs = parseTimestamp(text)
  if (epochMs === undefined) return TIMESTAMP_EXPECTATION
  keep(epochMs)
  return undefined
}
