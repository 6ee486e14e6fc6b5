import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** One import of a source file. */
export interface Import {
  /** The importing file, with its path from the project's root. */
  readonly from: string
  /** The file with its path from the project's root, or the package's name without its subpath. */
  readonly to: string
  readonly isPackage: boolean
  /** A type import, which does not exist at run time. */
  readonly isType: boolean
  /** Loaded with `import()`. */
  readonly isLate: boolean
}

/** The TypeScript files, also those with JSX, below a folder, with paths from the project's root. */
export function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => posix.join(folder, name.split('\\').join('/')))
    .toSorted()
}

/** The text of a file without the lines that are comments. */
export function readCode(file: string): string {
  return withoutComments(readFileSync(join(process.cwd(), file), 'utf8'))
}

export function withoutComments(text: string): string {
  return text.replace(/^\s*(?:\/\/|\/\*|\*).*$/gm, '')
}

const STATIC = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm
const LATE = /\bimport\(\s*'([^']+)'\s*\)/g

export function importsIn(from: string, code: string): readonly Import[] {
  const found = [...code.matchAll(STATIC)].map(([, type, specifier]) => ({
    specifier: specifier as string,
    isType: type !== undefined,
    isLate: false,
  }))
  const late = [...code.matchAll(LATE)].map(([, specifier]) => ({
    specifier: specifier as string,
    isType: false,
    isLate: true,
  }))
  return [...found, ...late].map(({ specifier, ...kind }) => ({ from, ...resolve(from, specifier), ...kind }))
}

function resolve(from: string, specifier: string): { to: string; isPackage: boolean } {
  if (specifier.startsWith('.')) return { to: posix.join(posix.dirname(from), specifier), isPackage: false }
  const parts = specifier.split('/')
  return { to: specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string), isPackage: true }
}

/** Our files and the packages that are evaluated together with `file`. */
export function evaluatedWith(file: string): ReadonlySet<string> {
  const seen = new Set<string>()
  const visit = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    for (const { to, isPackage, isType, isLate } of importsIn(name, readCode(name))) {
      if (isType || isLate) continue
      if (isPackage) seen.add(to)
      else visit(to)
    }
  }
  visit(file)
  return seen
}
