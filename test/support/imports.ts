import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** One import of a source file. */
export interface Import {
  /** The file that imports, from the root of the repository. */
  readonly from: string
  /** The file from the root of the repository, or the package's name without its subpath. */
  readonly to: string
  readonly isPackage: boolean
  /** Only types are imported: nothing of it is there at run time. */
  readonly isType: boolean
  /** Read when it is needed, with `import()`. */
  readonly isLate: boolean
}

/** The TypeScript files below a folder, from the root of the repository. */
export function sourcesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => posix.join(folder, name.split('\\').join('/')))
    .toSorted()
}

/** The code of a file, without the lines that are comments. */
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

/** Everything that is evaluated when `file` is, as far as it is ours, and the packages that come with it. */
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
