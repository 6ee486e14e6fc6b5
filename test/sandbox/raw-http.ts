import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { pipeline } from 'node:stream'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** One character per byte. */
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  json(): any
}

export interface Call {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer | AsyncIterable<string>
  readonly ca?: string
  readonly signal?: AbortSignal
}

/** Sends the path as it is written: no dot segment removed, nothing encoded. One connection per call. */
export function call(
  origin: string,
  path: string,
  { method = 'GET', headers = {}, body, ca, signal }: Call = {},
): Promise<Answer> {
  const { hostname, port, protocol } = new URL(origin)
  return new Promise((resolve, reject) => {
    const options = {
      hostname,
      port,
      path,
      method,
      headers,
      agent: false as const,
      ...(ca !== undefined && { ca }),
      ...(signal !== undefined && { signal }),
    }
    const request = (protocol === 'https:' ? httpsRequest : httpRequest)(options, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('latin1')
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          json: () => JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown,
        })
      })
    })
    request.on('error', reject)
    if (typeof body === 'object' && !Buffer.isBuffer(body)) pipeline(body, request, () => {})
    else request.end(body)
  })
}

/** Writes bytes on a connection and reads until the server closes it. */
export function sendBytes(origin: string, bytes: string, ca?: string): Promise<string> {
  const { hostname, port, protocol } = new URL(origin)
  return new Promise((resolve, reject) => {
    let text = ''
    const send = (): void => void socket.write(bytes, 'latin1')
    const socket =
      protocol === 'https:'
        ? connectTls({ port: Number(port), host: hostname, ca }, send)
        : connect(Number(port), hostname, send)
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
  })
}
