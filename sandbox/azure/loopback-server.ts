import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import type { ServerIdentity } from './certificates.ts'
import type { ConnectionFault } from './faults.ts'

export const LOOPBACK = '127.0.0.1'

export interface LoopbackServer {
  readonly port: number
  /** Ends connections that wait for a next request, so that a client has to connect anew. */
  dropIdleConnections(): void
  stop(): Promise<void>
}

export interface LoopbackServerOptions {
  readonly port: number
  readonly listener: RequestListener
  readonly tls?: ServerIdentity
  /** Presented instead of `tls` while the fault `wrong-certificate` applies. */
  readonly wrongTls?: ServerIdentity
  /** What is to happen to a connection before anything is read from it. */
  readonly connectionFault?: () => ConnectionFault | undefined
}

/** Listens on the loopback address. Connections pass a plain TCP server first, which can close one or give it another certificate. */
export async function startLoopbackServer(options: LoopbackServerOptions): Promise<LoopbackServer> {
  const idle = createIdleTracker()
  const server = idle.watch(createServer(options.listener, options.tls))
  const wrong =
    options.wrongTls === undefined ? undefined : idle.watch(createServer(options.listener, options.wrongTls))
  const sockets = new Set<Socket>()

  const front = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    const fault = options.connectionFault?.()
    if (fault === 'close') socket.destroy()
    else (fault === 'wrong-certificate' ? (wrong ?? server) : server).emit('connection', socket)
  })
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject)
    front.listen(options.port, LOOPBACK, () => {
      front.off('error', reject)
      resolve()
    })
  })

  return {
    port: (front.address() as AddressInfo).port,
    dropIdleConnections: () => idle.drop(),
    async stop() {
      const closed = new Promise((resolve) => front.close(resolve))
      for (const socket of sockets) socket.destroy()
      server.close()
      wrong?.close()
      await closed
    },
  }
}

/** Node tracks idle connections only for servers that listen themselves. */
function createIdleTracker() {
  const open = new Map<Socket, number>()
  const count = (socket: Socket, change: number): void => {
    const requests = open.get(socket)
    if (requests !== undefined) open.set(socket, requests + change)
  }
  return {
    watch(server: Server): Server {
      server.on(server instanceof HttpsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
        open.set(socket, 0)
        socket.once('close', () => open.delete(socket))
      })
      return server.on('request', ({ socket }, response) => {
        count(socket, 1)
        response.once('close', () => count(socket, -1))
      })
    },
    drop(): void {
      for (const [socket, requests] of open) if (requests === 0) socket.destroy()
    },
  }
}

function createServer(listener: RequestListener, tls: ServerIdentity | undefined): Server {
  // Longer than clients keep a pooled connection, so that none is closed while its next request is being sent.
  const options = { keepAliveTimeout: 120_000 }
  return tls === undefined ? createHttpServer(options, listener) : createHttpsServer({ ...options, ...tls }, listener)
}
