import type { Queues } from '../../src/delivery/open-queue.ts'
import type { Simulation } from './simulation.ts'

/** How often, of one, what goes wrong with a message. */
export interface QueueWeather {
  /** The call fails and nothing is stored. */
  readonly refused: number
  /** It is stored, and the answer lost. */
  readonly lost: number
  /** It is delivered once more after its end, as after a pop receipt that was out of date. */
  readonly again: number
  /** It is visible again while it is being worked on, as when the host could not renew its invisibility in time. */
  readonly twice: number
  /** How long a call takes, at most. */
  readonly latencyMs: number
}

/** One instance's trigger. What it runs when it dies comes again elsewhere. */
export interface QueueWorker {
  readonly run: (message: unknown) => Promise<void>
  readonly giveUp: (message: unknown) => Promise<void>
  readonly dead: () => boolean
}

/** The queue and its triggers: hidden for ten minutes while a message runs, renewed while its instance lives; at least once, in any order. */
export interface SimulatedQueue {
  connect(dead: () => boolean): Queues
  /** Stores a message that the app did not write. */
  forge(text: string): void
  listen(worker: QueueWorker): void
  /** Messages that were ever stored, and the most that were in the queue at one time. */
  stored(): number
  mostWaiting(): number
  waiting(): number
  poisoned(): number
}

const POLL_MS = 2_000
const HIDDEN_MS = 600_000
/** As host.json has them: batchSize + newBatchThreshold, visibilityTimeout, maxDequeueCount. */
const MAX_RUNNING = 24
const FAILED_HIDDEN_MS = 30_000
const MAX_DEQUEUES = 20_160

export function createSimulatedQueue(simulation: Simulation, weather: () => QueueWeather): SimulatedQueue {
  const workers: (QueueWorker & { running: number })[] = []
  const messages = new Set<{ readonly text: string; dequeues: number }>()
  type Message = typeof messages extends Set<infer M> ? M : never
  let stored = 0
  let mostWaiting = 0
  let poisoned = 0

  function store(text: string, hiddenMs: number): void {
    const message = { text, dequeues: 0 }
    messages.add(message)
    stored += 1
    mostWaiting = Math.max(mostWaiting, messages.size)
    simulation.after(hiddenMs, () => offer(message))
  }

  /** Another worker has the same message at the same time; its end deletes the message for both. */
  function copy(message: Message): void {
    const free = workers.filter(({ dead, running }) => !dead() && running < MAX_RUNNING)
    const worker = free[Math.floor(simulation.random() * free.length)]
    if (worker !== undefined && messages.has(message)) void worker.run(parse(message.text)).catch(() => undefined)
  }

  function parse(text: string): unknown {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'))
  }

  function offer(message: Message): void {
    const free = workers.filter(({ dead, running }) => !dead() && running < MAX_RUNNING)
    const worker = free[Math.floor(simulation.random() * free.length)]
    simulation.after(simulation.random() * POLL_MS, () =>
      worker === undefined || worker.dead() || worker.running >= MAX_RUNNING
        ? offer(message)
        : void hand(message, worker),
    )
  }

  async function hand(message: Message, worker: (typeof workers)[number]): Promise<void> {
    message.dequeues += 1
    if (simulation.random() < weather().twice) simulation.after(simulation.random() * 60_000, () => copy(message))
    const isLast = message.dequeues >= MAX_DEQUEUES
    let cancel = hide()
    function hide(): () => void {
      return simulation.after(HIDDEN_MS, () => {
        if (worker.dead()) offer(message)
        else cancel = hide()
      })
    }
    const read = parse(message.text)
    worker.running += 1
    const isDone = await worker.run(read).then(
      () => true,
      () => false,
    )
    worker.running -= 1
    if (worker.dead()) return
    cancel()
    if (!isDone && !isLast) return void simulation.after(FAILED_HIDDEN_MS, () => offer(message))
    if (isDone && simulation.random() < weather().again)
      return void simulation.after(simulation.random() * 90_000, () => offer(message))
    messages.delete(message)
    if (isDone) return
    poisoned += 1
    await worker.giveUp(read).catch(() => undefined)
  }

  return {
    stored: () => stored,
    waiting: () => messages.size,
    mostWaiting: () => mostWaiting,
    poisoned: () => poisoned,
    listen: (worker) => void workers.push({ ...worker, running: 0 }),
    connect(dead) {
      const sendMessage = (
        text: string,
        { visibilityTimeout = 0 }: { visibilityTimeout?: number } = {},
      ): Promise<unknown> =>
        new Promise((resolve, reject) => {
          const { refused, lost, latencyMs } = weather()
          const dice = simulation.random()
          const answer = (work: () => void): void =>
            void simulation.after(simulation.random() * latencyMs, () => !dead() && work())
          simulation.after(simulation.random() * latencyMs, () => {
            // A call that has left its instance arrives, whatever becomes of the instance.
            if (dice >= refused) store(text, visibilityTimeout * 1_000)
            answer(() => (dice < refused + lost ? reject(new Error('queue: no answer')) : resolve({})))
          })
        })
      // Nothing else of the client is called once the queue exists.
      const client = { sendMessage }
      return { deliver: client, poison: client } as unknown as Queues
    },
    forge: (text) => store(text, 0),
  }
}
