/** Two sides measured in the same rounds. */
export interface Comparison {
  /** Medians over the rounds. */
  readonly left: number
  readonly right: number
  /** Median, smallest and largest of the ratios of each round. `left / right` may differ from `ratio`. */
  readonly ratio: number
  readonly spread: readonly [low: number, high: number]
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) throw new RangeError('the median of no values is undefined')
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

/** Compares the two values of each round: other work on the machine slows both. Throws RangeError if the numbers of rounds differ. */
export function compare(left: readonly number[], right: readonly number[]): Comparison {
  if (left.length !== right.length) throw new RangeError('both sides need a value for every round')
  const ratios = left.map((value, round) => value / (right[round] as number))
  return {
    left: median(left),
    right: median(right),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
  }
}

/** Measures every side once per round, A B C A B C …, so that the values of one round are close in time. */
export async function interleave<Side extends string>(
  rounds: number,
  sides: Readonly<Record<Side, () => number | Promise<number>>>,
): Promise<Readonly<Record<Side, readonly number[]>>> {
  const measured = Object.fromEntries(Object.keys(sides).map((side) => [side, [] as number[]])) as Record<
    Side,
    number[]
  >
  for (let round = 0; round < rounds; round += 1) {
    for (const side of Object.keys(sides) as Side[]) measured[side].push(await sides[side]())
  }
  return measured
}
