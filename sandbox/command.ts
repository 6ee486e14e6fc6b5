/** A refusal whose message is meant for the person who typed the command. */
export class UsageError extends Error {}

/** Runs a command line: `--help` prints the usage, a refusal its reason on stderr and exit code 1. Nothing else is printed. */
export async function runCommand(
  usage: string,
  args: readonly string[],
  command: (args: readonly string[]) => Promise<number>,
): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) return void process.stdout.write(`${usage}\n`)
  try {
    process.exitCode = await command(args)
  } catch (error) {
    process.stderr.write(`${error instanceof UsageError ? error.message : explain(error)}\n`)
    process.exitCode = 1
  }
}

function explain(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

const ANSWER_TIMEOUT_MS = 60_000

/** One request to the sandbox. Refuses when nothing answers. */
export async function ask(url: string | URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
  } catch (error) {
    const { cause, message } = error as Error & { cause?: Error & { code?: string } }
    throw new UsageError(
      `No sandbox answers at ${new URL(url).origin} (${cause?.code ?? cause?.message ?? message}): start one with "npm start".`,
    )
  }
}
