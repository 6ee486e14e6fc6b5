import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'

export const README = readFileSync(join(PROJECT_ROOT, 'README.md'), 'utf8')

export interface Example {
  readonly language: string
  readonly text: string
}

/** The fenced blocks of the README, in order. */
export const EXAMPLES: readonly Example[] = [...README.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
)

/** The text outside the fenced blocks. */
export const PROSE = README.replace(/^```[\s\S]*?^```$/gm, '')

/** The one example in this language that contains the words. Fails if there is none or more than one. */
export function example(language: string, words: string): string {
  const found = EXAMPLES.filter((block) => block.language === language && block.text.includes(words))
  if (found.length !== 1)
    throw new Error(`README.md has ${found.length} examples in ${language} with '${words}', not one`)
  return (found[0] as Example).text
}

/** The cells of the table with these headings, as Markdown. */
export function table(...headings: readonly string[]): readonly (readonly string[])[] {
  const start = README.indexOf(`| ${headings.join(' | ')} |\n`)
  if (start < 0) throw new Error(`README.md has no table with ${headings.join(', ')}`)
  const [rows = ''] = README.slice(start).split('\n\n')
  return rows
    .split('\n')
    .slice(2)
    .filter((row) => row.startsWith('|'))
    .map((row) =>
      row
        .slice(1, row.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    )
}

/** The texts in backquotes. */
export function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}
