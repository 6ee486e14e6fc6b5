import type { Comparison } from './statistics.ts'

/** One line of the table. */
export interface Row {
  /** `left / right`. */
  readonly name: string
  /** Without `spread` where there is one round only. */
  readonly figures: Omit<Comparison, 'spread'> & { readonly spread?: Comparison['spread'] }
  readonly aim?: { readonly atMost: number } | { readonly atLeast: number }
}

export interface Section {
  readonly title: string
  readonly unit: string
  readonly rows: readonly Row[]
  /** Conditions of the measurement, one sentence each. */
  readonly notes: readonly string[]
}

const NAME_WIDTH = 72
const HEADINGS = ['left', 'right', 'ratio', 'spread', 'aim']
const WIDTHS = [10, 10, 8, 15, 8]

/** For a terminal. */
export function toText({ title, unit, rows, notes }: Section): string {
  const lines = [
    `${title}: ${unit}`,
    line('left / right', HEADINGS),
    '-'.repeat(NAME_WIDTH + WIDTHS.reduce((sum, width) => sum + width)),
    ...rows.map((row) => `${line(row.name, cellsOf(row))}  ${verdict(row)}`.trimEnd()),
  ]
  return `\n${lines.join('\n')}\n${notes.map((note) => `  · ${note}\n`).join('')}`
}

/** For README.md, without notes. */
export function toMarkdown({ title, unit, rows }: Section): string {
  const lines = [
    ['left / right', ...HEADINGS],
    ['---', ...HEADINGS.map(() => '---:')],
    ...rows.map((row) => [row.name, ...cellsOf(row).slice(0, -1), `${aimText(row.aim)} ${verdict(row)}`.trim()]),
  ]
  return `\n**${title}**: ${unit}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('')}`
}

/** One for each of the headings. */
function cellsOf({ figures: { left, right, ratio, spread }, aim }: Row): readonly string[] {
  return [number(left), number(right), share(ratio), spread?.map(share).join(' – ') ?? '', aimText(aim)]
}

function aimText(aim: Row['aim']): string {
  if (aim === undefined) return ''
  return 'atMost' in aim ? `≤ ${share(aim.atMost)}` : `≥ ${share(aim.atLeast)}`
}

function verdict({ figures: { ratio }, aim }: Row): string {
  if (aim === undefined) return ''
  return ('atMost' in aim ? ratio <= aim.atMost : ratio >= aim.atLeast) ? 'met' : 'MISSED'
}

/** Small ones with a third digit, so that one at its aim can be told from one beside it. */
function share(value: number): string {
  return value.toFixed(value < 0.1 ? 3 : 2)
}

function number(value: number): string {
  return value >= 1_000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value < 100 ? 1 : 0)
}

function line(name: string, cells: readonly string[]): string {
  return `${name.padEnd(NAME_WIDTH)}${cells.map((cell, column) => cell.padStart(WIDTHS[column] as number)).join('')}`
}
