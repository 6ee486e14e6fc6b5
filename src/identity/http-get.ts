import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'

/** The answer to a GET, its body not yet read. */
export interface HttpAnswer {
  readonly status: number
  readonly body: AsyncIterable<Uint8Array>
}

/** GETs a document. Follows nothing: a redirect is an answer like any other that is not 200. */
export interface HttpGet {
  (address: string, signal: AbortSignal): Promise<HttpAnswer>
}

/** By Node's own client rather than `fetch`, which takes longer to load than the issuer to answer: this is on the way to the first reconnect. */
export const httpGet: HttpGet = (address, signal) =>
  new Promise((resolve, reject) => {
    const get = address.startsWith('http:') ? getPlain : getTls
    get(address, { agent: false, headers: { accept: 'application/json' }, signal }, (response) => {
      resolve({ status: response.statusCode ?? 0, body: response })
    }).on('error', (error) => reject(signal.aborted && signal.reason instanceof Error ? signal.reason : error))
  })
