import type { IncomingHttpHeaders } from 'node:http'

/** One request to the storage account, as the service sees it. */
export interface StorageCall {
  readonly service: 'table' | 'queue'
  /** The verb of the request. A transaction is POST. */
  readonly method: string
  /** The table or the queue; empty for the account itself. */
  readonly name: string
  /**
   * `rows`: reads or writes rows of a table. `tables`: creates or lists tables. `messages`: puts, gets, deletes or updates messages.
   * `queue`: everything else about a queue.
   */
  readonly about: 'rows' | 'tables' | 'messages' | 'queue'
  /** Path and query as sent. */
  readonly url: string
  readonly query: URLSearchParams
  readonly body: string
  /** The entities that a row write carries, in their order. */
  readonly entities: readonly Entity[]
}

export type Entity = Readonly<Record<string, unknown>>

/** Whether it changes something in storage. */
export function isWrite({ about, method, service, entities, url }: StorageCall): boolean {
  if (service === 'queue') return method !== 'GET' && method !== 'HEAD'
  if (about === 'tables') return method !== 'GET'
  return method !== 'GET' || entities.length > 0 || url.includes('$batch')
}

/** Reads a request to the table service. Sub-requests of a transaction name the table in their own request lines. */
export function readTableCall(method: string, url: string, body: string): StorageCall {
  const { pathname, searchParams } = new URL(url, 'http://storage')
  const isBatch = pathname.endsWith('/$batch')
  const path = isBatch
    ? new URL(/^(?:POST|PUT|PATCH|MERGE|DELETE) (\S+) HTTP\/1\.1/m.exec(body)?.[1] ?? '/', 'http://storage').pathname
    : pathname
  const [, , resource = ''] = path.split('/')
  const name = /^[A-Za-z0-9]+/.exec(decodeURIComponent(resource))?.[0] ?? ''
  return {
    service: 'table',
    method,
    name: name === 'Tables' ? '' : name,
    about: name === 'Tables' ? 'tables' : 'rows',
    url,
    query: searchParams,
    body,
    entities: name === 'Tables' ? [] : entitiesOf(body, isBatch),
  }
}

/** Reads a request to the queue service. */
export function readQueueCall(method: string, url: string, body: string): StorageCall {
  const { pathname, searchParams } = new URL(url, 'http://storage')
  const [, , name = '', resource = ''] = pathname.split('/')
  return {
    service: 'queue',
    method,
    name,
    about: resource === 'messages' ? 'messages' : 'queue',
    url,
    query: searchParams,
    body,
    entities: [],
  }
}

/** The JSON of an entity stands in one line of a transaction; a single write has nothing else. */
function entitiesOf(body: string, isBatch: boolean): readonly Entity[] {
  const texts = isBatch ? body.split('\r\n').filter((line) => line.startsWith('{')) : [body]
  return texts.flatMap((text) => {
    try {
      return [JSON.parse(text) as Entity]
    } catch {
      return []
    }
  })
}

/** What the real service says of a request that it refuses (Table service error codes). */
export interface Refusal {
  readonly status: 400 | 403 | 413
  readonly code: string
  readonly message: string
  /** Which entity of a transaction it is about. */
  readonly index?: number
}

/** "Understanding the Table service data model": a string property has at most 64 KiB (32 K UTF-16 characters), an entity 1 MiB. */
const MAX_STRING_CHARS = 32_768
const MAX_ENTITY_BYTES = 1_048_576
/** "Performing entity group transactions": the whole payload has at most 4 MiB. */
const MAX_BATCH_BYTES = 4_194_304

/** The limits that the real service enforces and the emulator does not. Undefined where the call keeps them. */
export function limitRefusal({ entities, body }: StorageCall): Refusal | undefined {
  if (Buffer.byteLength(body) > MAX_BATCH_BYTES)
    return {
      status: 413,
      code: 'RequestBodyTooLarge',
      message: 'The request body is too large and exceeds the maximum permissible limit.',
    }
  for (const [index, entity] of entities.entries()) {
    if (Object.values(entity).some((value) => typeof value === 'string' && value.length > MAX_STRING_CHARS))
      return {
        status: 400,
        code: 'PropertyValueTooLarge',
        message:
          'The property value exceeds the maximum allowed size (64KB). If the property value is a string, it is UTF-16 encoded and the maximum number of characters should be 32K or less.',
        index,
      }
    if (JSON.stringify(entity).length * 2 > MAX_ENTITY_BYTES)
      return {
        status: 400,
        code: 'EntityTooLarge',
        message: 'The entity is larger than the maximum allowed size (1MB).',
        index,
      }
  }
  return undefined
}

/** The answer of the table service to a refused request: an error by itself, or inside the answer to a transaction. */
export function tableRefusal(
  { url }: StorageCall,
  { status, code, message, index = 0 }: Refusal,
): { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string } {
  const isBatch = url.includes('$batch')
  const value = `${isBatch && status !== 413 ? `${index}:` : ''}${message}\nRequestId:00000000-0000-0000-0000-000000000000`
  const error = JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value } } })
  if (!isBatch || status === 413)
    return { status, headers: { 'content-type': 'application/json;odata=minimalmetadata' }, body: error }
  const lines = [
    '--batchresponse_b',
    'Content-Type: multipart/mixed; boundary=changesetresponse_c',
    '',
    '--changesetresponse_c',
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    `HTTP/1.1 ${status} Bad Request`,
    'X-Content-Type-Options: nosniff',
    'DataServiceVersion: 3.0;',
    'Content-Type: application/json;odata=minimalmetadata;streaming=true;charset=utf-8',
    '',
    error,
    '--changesetresponse_c--',
    '--batchresponse_b--',
    '',
  ]
  return {
    status: 202,
    headers: { 'content-type': 'multipart/mixed; boundary=batchresponse_b' },
    body: lines.join('\r\n'),
  }
}

/** The answer of the queue service to a refused request. */
export function queueRefusal({ status, code, message }: Refusal): {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
} {
  return {
    status,
    headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
    body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  }
}
