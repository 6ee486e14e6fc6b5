import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Go, Said, Setup } from './coordinator-process.ts'

export interface CoordinatorProcess {
  /** One request; resolves with its outcome, or when it has stopped where it was told to. */
  go(go: Go): Promise<Said>
  /** SIGKILL: nothing is released. */
  kill(): Promise<void>
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void
}

export async function startCoordinatorProcess(
  scope: { after(undo: () => Promise<void>): void },
  setup: Setup,
): Promise<CoordinatorProcess> {
  const child: ChildProcess = fork(
    fileURLToPath(new URL('coordinator-process.ts', import.meta.url)),
    [JSON.stringify(setup)],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
  )
  const ended = once(child, 'exit')
  async function kill(): Promise<void> {
    child.kill('SIGKILL')
    await ended
  }
  scope.after(kill)
  await once(child, 'message')
  return {
    async go(go) {
      const said = once(child, 'message')
      child.send(go)
      return ((await said) as [Said])[0]
    },
    kill,
    signal: (signal) => void child.kill(signal),
  }
}

/** An ARM that counts what it is asked for, by backend, and accepts after a while. */
export async function startCountingArm(scope: { after(undo: () => Promise<void>): void }, answerAfterMs = 150) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      asked.push(body)
      setTimeout(() => response.writeHead(202).end(), answerAfterMs)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: (backendId: string): number => asked.filter((each) => each === backendId).length,
  }
}
