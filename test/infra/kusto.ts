import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runInThisContext } from 'node:vm'

/** A table by its name, and its columns as `(name:type, …)`. */
export type Schema = Readonly<Record<string, string>>

/** A node of the syntax tree: a token has a text and no children. */
export interface Node {
  readonly kind: string
  readonly text: string
  readonly children: readonly Node[]
}

export interface Analysed {
  /** Empty where Microsoft's own parser and binder have nothing to say. */
  readonly findings: readonly string[]
  readonly tree: Node
}

/** What is used of `@kusto/language-service-next`, which is compiled from C#. */
interface KustoLanguage {
  readonly GlobalState: { readonly Default: { WithDatabase(database: object): object } }
  readonly KustoCode: { ParseAndAnalyze(text: string, globals: object): ForeignCode }
  readonly Symbols: {
    readonly TableSymbol: { From(schema: string): { WithName(name: string): object } }
    readonly DatabaseSymbol: {
      ctor: new (name: string, members: readonly object[]) => { readonly Members: { readonly Count: number } }
    }
  }
  readonly Syntax: { readonly SyntaxKind: Readonly<Record<string, unknown>> }
}
interface ForeignCode {
  readonly Syntax: ForeignNode
  GetDiagnostics(): { readonly Count: number; getItem(index: number): { Start: number; Code: string; Message: string } }
}
interface ForeignNode {
  readonly Kind: number
  readonly IsToken?: boolean
  readonly Text?: string
  readonly ChildCount: number
  GetChild(index: number): ForeignNode | null
}

let loaded: KustoLanguage | undefined

/** The package is a script for browsers: it defines a global, and `require` cannot read it. */
function language(): KustoLanguage {
  if (loaded !== undefined) return loaded
  const folder = dirname(createRequire(import.meta.url).resolve('@kusto/language-service-next'))
  for (const file of ['bridge.min.js', 'Kusto.Language.Bridge.min.js'])
    runInThisContext(readFileSync(join(folder, file), 'utf8'), { filename: file })
  loaded = (globalThis as unknown as { Kusto: { Language: KustoLanguage } }).Kusto.Language
  return loaded
}

/** Parses a query, and resolves its names against the tables. */
export function analyse(query: string, schema: Schema): Analysed {
  const { GlobalState, KustoCode, Symbols, Syntax } = language()
  const tables = Object.entries(schema).map(([name, columns]) => Symbols.TableSymbol.From(columns).WithName(name))
  const database = new Symbols.DatabaseSymbol.ctor('db', tables)
  if (database.Members.Count !== tables.length) throw new Error('the tables did not reach the analysis')
  const code = KustoCode.ParseAndAnalyze(query, GlobalState.Default.WithDatabase(database))
  const kinds = new Map(Object.entries(Syntax.SyntaxKind).map(([name, value]) => [value, name]))
  const diagnostics = code.GetDiagnostics()
  return {
    findings: Array.from({ length: diagnostics.Count }, (_, index) => {
      const { Start, Code, Message } = diagnostics.getItem(index)
      return `${Start}: ${Code} ${Message}`
    }),
    tree: toNode(code.Syntax, kinds),
  }
}

/** A list's elements come wrapped with their commas: both are left out. */
function toNode(node: ForeignNode, kinds: ReadonlyMap<unknown, string>): Node {
  const kind = kinds.get(node.Kind) ?? String(node.Kind)
  if (node.IsToken === true) return { kind, text: node.Text ?? '', children: [] }
  const children = Array.from({ length: node.ChildCount }, (_, index) => node.GetChild(index))
    .filter((child) => child !== null)
    .map((child) => toNode(child, kinds))
  return kind === 'SeparatedElement' ? (children[0] as Node) : { kind, text: '', children }
}
