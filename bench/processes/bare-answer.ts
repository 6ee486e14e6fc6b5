/** The minimum that answers a reconnect: it reads the body and answers 202, without doing anything. */
import { answerCommands } from './answer-commands.ts'
import { measure } from './measure.ts'
import { serveBare } from './serve.ts'

answerCommands({ start: () => serveBare(() => Promise.resolve(202)), measure })
