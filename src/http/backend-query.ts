import type { RequestFailure } from '../domain/failure.ts'
import { parseServiceScope, type Scope } from '../domain/scope.ts'
import type { Result } from '../shared/result.ts'
import {
  readParameters,
  readSkipToken,
  SERVICE_EXPECTATION,
  SKIP_TOKEN,
  type ParameterReaders,
} from './query-parameters.ts'

interface Draft {
  service?: Scope
  skipToken?: string
}

const READERS: ParameterReaders<Draft> = {
  service(text, draft) {
    const service = parseServiceScope(text)
    if (service === undefined) return SERVICE_EXPECTATION
    draft.service = service
    return undefined
  },
  [SKIP_TOKEN]: readSkipToken,
}

/** The parameters of `GET /backends`, as they are documented. */
export const BACKEND_PARAMETERS: readonly string[] = Object.keys(READERS)

/** Reads the parameters of `GET /backends` (contract, section 11). */
export function parseBackendQuery(query: URLSearchParams): Result<Readonly<Draft>, RequestFailure> {
  return readParameters<Draft>(query, READERS, {})
}
