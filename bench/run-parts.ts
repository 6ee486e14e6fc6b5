import type { Section } from './table.ts'

export interface PartRunner {
  readonly measure: (name: string) => Promise<Section>
  /** A part that is finished: the figures are out before the next part begins, and survive an interruption. */
  readonly print: (section: Section) => void
  readonly report: (name: string, error: unknown) => void
}

/** Runs each part in turn. A part that fails is reported, and the others are still measured. Returns the names of those that failed. */
export async function runParts(
  names: readonly string[],
  { measure, print, report }: PartRunner,
): Promise<readonly string[]> {
  const failed: string[] = []
  for (const name of names) {
    try {
      print(await measure(name))
    } catch (error) {
      failed.push(name)
      report(name, error)
    }
  }
  return failed
}
