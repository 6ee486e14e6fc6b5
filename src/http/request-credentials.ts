import type { Credentials } from '../identity/credentials.ts'

/** What a request brings to prove who sends it (contract, section 4). */
export function readCredentials(headers: Headers): Credentials {
  return {
    authorization: headers.get('authorization') ?? undefined,
    clientPrincipal: headers.get('x-ms-client-principal') ?? undefined,
    fetchSite: headers.get('sec-fetch-site') ?? undefined,
  }
}
