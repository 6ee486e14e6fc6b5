import type { IncomingMessage, ServerResponse } from 'node:http'

export async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
    .end(JSON.stringify(value))
}

export function sendHtml(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'text/html', ...headers })
  response.end(`<html><head><title>${status}</title></head><body><h1>${status}</h1></body></html>`)
}

/** Resets the connection: the client sees an error, not an orderly end. */
export function reset(request: IncomingMessage): void {
  const socket = request.socket as IncomingMessage['socket'] & { resetAndDestroy?: () => unknown; encrypted?: boolean }
  // A TLS socket cannot reset; destroying it ends the stream in the middle, which clients report as ECONNRESET.
  if (socket.encrypted === true || socket.resetAndDestroy === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

/** Runs an async handler; what it throws ends the connection instead of the process. */
export function listener(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    request.on('error', () => {})
    response.on('error', () => {})
    handle(request, response).catch(() => response.destroy())
  }
}
