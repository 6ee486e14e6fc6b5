import type { Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { repairRequest } from './repair-request.ts'

interface ParseError extends Error {
  readonly code?: string
  /** What the parser was reading when it failed. */
  readonly rawPacket?: Buffer
}

/**
 * Requests that Node's parser refuses. What Kestrel would read is repaired and sent to this server again over a connection of its own;
 * the rest gets Kestrel's status and the end of its connection. Only the first request of a connection is repaired, and only when its head
 * came in one packet: later ones get 400.
 */
export function serveUnparsedRequests(server: Server): void {
  const answering = new WeakSet<Duplex>()
  const forwarded = new WeakSet<Duplex>()
  server.prependListener('request', ({ socket }) => void answering.add(socket))

  server.on('clientError', (error: ParseError, socket: Duplex) => {
    // The parser fails again on each further packet.
    if (forwarded.has(socket)) return
    if (!socket.writable || error.code === 'ECONNRESET') return void socket.destroy()
    // The function runs already and gets no body: its own answer follows.
    if (error.code === 'HPE_INVALID_CHUNK_SIZE' && answering.has(socket)) return
    const repaired = answering.has(socket) ? undefined : repairRequest(error.rawPacket?.toString('latin1') ?? '')
    if (repaired === undefined) return refuse(socket, statusOf(error))
    forwarded.add(socket)
    forward(socket as Socket, repaired)
  })
}

function statusOf({ code, rawPacket }: ParseError): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large'
  const isOtherVersion = / HTTP\/[0-9]\.[0-9]\r?\n/.test(rawPacket?.toString('latin1') ?? '')
  return code === 'HPE_INVALID_VERSION' && isOtherVersion ? '505 HTTP Version Not Supported' : '400 Bad Request'
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\nServer: Kestrel\r\n\r\n`)
}

/** Over the port that the request came to, so that scheme and limits are the same. */
function forward(socket: Socket, request: string): void {
  const { localPort: port, localAddress: host } = socket
  const again =
    (socket as Partial<TLSSocket>).encrypted === true
      ? // This process's own certificate, over loopback.
        connectTls({ port, host, rejectUnauthorized: false })
      : connect({ port: port as number, host: host as string })
  again.write(request, 'latin1')
  again.on('error', () => socket.destroy())
  socket.on('error', () => again.destroy())
  socket.on('close', () => again.destroy())
  socket.pipe(again).pipe(socket)
}
