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

/** Everything else. */
export const PROSE = README.replace(/^```[\s\S]*?^```$/gm, '')

/** The one example in this language that contains the words. */
export function example(language: string, words: string): string {
  const found = EXAMPLES.filter((block) => block.language === language && block.text.includes(words))
  if (found.length !== 1)
    throw new Error(`README.md has ${found.length} examples in ${language} with '${words}', not one`)
  return (found[0] as Example).text
}

/** The rows of the table that starts with these headings, without markup of their own. */
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

/** What a text says in backquotes. */
export function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}
