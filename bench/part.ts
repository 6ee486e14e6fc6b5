import type { BenchAzure } from './azure.ts'
import type { Environment, ProgramOptions, RunningProgram } from './program.ts'
import type { Scale } from './scale.ts'
import type { Section } from './table.ts'
import type { Program, Workspace } from './workspace.ts'

/** What a part of the benchmark works with. */
export interface Bench {
  readonly workspace: Workspace
  readonly azure: BenchAzure
  readonly scale: Scale
  /** Starts one of `processes/`. It is stopped at the end of the part, whatever happens in it. */
  start(program: Program, environment?: Environment, options?: ProgramOptions): RunningProgram
}

/** Measures one thing. Throws when it cannot be measured, or when what was measured did not do its work. */
export type Part = (bench: Bench) => Promise<Section>
