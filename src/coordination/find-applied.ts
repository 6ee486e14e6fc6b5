import type { Decided } from '../domain/effect.ts'
import type { BackendStore } from '../storage/store.ts'

/**
 * Which of these verdicts are in their rows: the answer to a write was lost, and the write was applied. A verdict holds the millisecond of its
 * decision and its evidence, so another instance's is not taken for it. Costs a read for each, and nothing where none was attempted.
 */
export async function findApplied(
  store: Pick<BackendStore, 'readOperation'>,
  attempted: readonly Decided[],
): Promise<readonly Decided[]> {
  const applied: Decided[] = []
  for (const decided of attempted) {
    const { value } = await store.readOperation(decided.operationId)
    if (JSON.stringify(value?.effect) === JSON.stringify(decided.effect)) applied.push(decided)
  }
  return applied
}
