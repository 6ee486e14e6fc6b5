import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROJECT_ROOT } from '../../sandbox/create-sandbox.ts'

/** A fenced block of a document. */
export interface Example {
  readonly language: string
  readonly text: string
}

/** A Markdown document of the project, and what tests look for in it. */
export interface TestedDocument {
  readonly path: string
  readonly text: string
  /** The fenced blocks in order, without the indentation of a list. */
  readonly examples: readonly Example[]
  /** The text outside the fenced blocks. */
  readonly prose: string
  /** The one block in this language that contains the words. Fails if there is none or more than one. */
  example(language: string, words: string): string
  /** The cells of the first table with these headings, as Markdown. */
  table(...headings: readonly string[]): readonly (readonly string[])[]
}

const BLOCK = /^( *)```(\w*)\n([\s\S]*?)^ *```$/gm

/** `path` is relative to the project's root. */
export function openDocument(path: string): TestedDocument {
  const text = readFileSync(join(PROJECT_ROOT, path), 'utf8')
  const examples = [...text.matchAll(BLOCK)].map(([, indent = '', language = '', block = '']) => ({
    language,
    text: block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  }))
  return {
    path,
    text,
    examples,
    prose: text.replace(BLOCK, ''),
    example(language, words) {
      const found = examples.filter((block) => block.language === language && block.text.includes(words))
      if (found.length !== 1)
        throw new Error(`${path} has ${found.length} examples in ${language} with '${words}', not one`)
      return (found[0] as Example).text
    },
    table(...headings) {
      const start = text.indexOf(`| ${headings.join(' | ')} |\n`)
      if (start < 0) throw new Error(`${path} has no table with ${headings.join(', ')}`)
      const [rows = ''] = text.slice(start).split('\n\n')
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
    },
  }
}

/** The texts in backquotes. */
export function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}
