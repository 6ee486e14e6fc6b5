import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** The table service of an emulator behind a proxy that can drop answers. */
export interface CuttingProxy {
  readonly connectionString: string
  /** The next request that contains this text is forwarded. Its connection is closed when the answer begins. */
  cutAnswerTo(text: string): void
  /** Number of answers that were dropped. */
  cuts(): number
}

const TABLE_ENDPOINT = /TableEndpoint=http:\/\/([^:/;]+):([0-9]+)/

export async function startCuttingProxy(
  scope: { after(undo: () => Promise<void>): void },
  connectionString: string,
): Promise<CuttingProxy> {
  const [, host = '', port = ''] = TABLE_ENDPOINT.exec(connectionString) ?? []
  const sockets = new Set<Socket>()
  let wanted: string | undefined
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), host)
    let cut = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (bytes: Buffer) => {
      if (wanted !== undefined && bytes.includes(wanted)) {
        wanted = undefined
        cut = true
      }
      upstream.write(bytes)
    })
    upstream.on('data', (bytes: Buffer) => {
      if (!cut) return void client.write(bytes)
      cuts += 1
      client.destroy()
      return undefined
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    connectionString: connectionString.replace(
      TABLE_ENDPOINT,
      `TableEndpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ),
    cutAnswerTo: (text) => void (wanted = text),
    cuts: () => cuts,
  }
}
