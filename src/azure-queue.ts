/**
 * The code of the queue's client, in a part of its own: a reconnect by a person or a tool does not need it. It is read with `import()` when
 * the first alert is stored, or by the warm-up.
 */
export { openQueues } from './delivery/open-queue.ts'
