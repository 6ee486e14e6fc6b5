/** As little as can answer a reconnect: reads the body, says 202. Nothing is faster, and nothing is done. */
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

answerCommands({ start: () => serveBare(() => Promise.resolve(202)), measure })
