import { InvocationContext } from '@azure/functions'

export interface LogLine {
  readonly level: string
  readonly text: string
}

/** The library's own InvocationContext, and a list of what is logged through it. */
export function capturingContext(functionName = 'backend-reconnect'): {
  readonly context: InvocationContext
  readonly lines: readonly LogLine[]
} {
  const lines: LogLine[] = []
  const context = new InvocationContext({
    functionName,
    invocationId: 'c0ffee00-0000-4000-8000-00000000aaaa',
    logHandler: (level, ...args) => lines.push({ level, text: args.map(String).join(' ') }),
  })
  return { context, lines }
}
