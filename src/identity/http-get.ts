import { get as getPlain } from 'node:http'
import { get as getTls } from 'node:https'

/** The answer to a GET, its body not yet read. */
export interface HttpAnswer {
  readonly status: number
  readonly body: AsyncIterable<Uint8Array>
}

/** GETs a document. A redirect is not followed: it is an answer like any other that is not 200. */
export interface HttpGet {
  (address: string, signal: AbortSignal): Promise<HttpAnswer>
}

/** Node's own client rather than `fetch`, which takes longer to load than the issuer to answer: the first request after a start waits for it. */
export const httpGet: HttpGet = (address, signal) =>
  new Promise((resolve, reject) => {
    const get = address.startsWith('http:') ? getPlain : getTls
    get(address, { agent: false, headers: { accept: 'application/json' }, signal }, (response) => {
      resolve({ status: response.statusCode ?? 0, body: response })
    }).on('error', (error) => reject(signal.aborted && signal.reason instanceof Error ? signal.reason : error))
  })
