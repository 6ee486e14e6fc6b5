/**
 * One part in a process of its own: `measure-part.ts NAME [--quick]`. It sends a {@link PartResult} to the process that started it and ends.
 * Its files are in the temporary folder, which the other process removes.
 */
import { startAzure } from './azure.ts'
import type { Part } from './part.ts'
import type { PartResult } from './part-process.ts'
import { PARTS } from './parts.ts'
import { createProgramGroup } from './program.ts'
import { FULL, QUICK } from './scale.ts'
import { createWorkspace } from './workspace.ts'

const [name = '', size] = process.argv.slice(2)
const programs = createProgramGroup()

async function measure(): Promise<PartResult> {
  try {
    const workspace = await createWorkspace()
    const azure = await startAzure(workspace)
    try {
      const section = await (PARTS.get(name) as Part)({
        workspace,
        azure,
        scale: size === '--quick' ? QUICK : FULL,
        start: (program, environment = {}, options = {}) =>
          programs.start(workspace.pathOf(program), environment, options),
      })
      return { section }
    } finally {
      await Promise.all([programs.stopAll(), azure.stop()])
    }
  } catch (error) {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { error: `${cause}\n${programs.complaints()}` }
  }
}

process.on('disconnect', () => process.exit())
const result = await measure()
process.send?.(result, () => process.exit())
