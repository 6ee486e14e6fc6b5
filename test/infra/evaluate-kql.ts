/**
 * Runs a query over rows in memory, on the tree of Microsoft's own parser: only what the alert rules use (`where`, `extend`, `summarize
 * count() by`), each with the semantics of its documentation. Everything else throws, so that no part of a rule is passed over.
 */
import { analyse, type Analysed, type Node, type Schema } from './kusto.ts'

const trees = new Map<string, Analysed>()

/** A rule is run over many lines, and read once. */
function analysed(query: string, schema: Schema): Analysed {
  const key = JSON.stringify([query, schema])
  const tree = trees.get(key) ?? analyse(query, schema)
  trees.set(key, tree)
  return tree
}

export type Row = Readonly<Record<string, unknown>>

export function evaluate(
  query: string,
  schema: Schema,
  tables: Readonly<Record<string, readonly Row[]>>,
): readonly Row[] {
  const { findings, tree } = analysed(query, schema)
  if (findings.length > 0) throw new Error(findings.join('\n'))
  const statements = tree.children.flatMap(({ kind, children }) => (kind === 'List' ? children : []))
  const [statement, ...more] = statements
  if (statement?.kind !== 'ExpressionStatement' || more.length > 0) throw unknown('more than one statement')
  return pipeline(statement.children[0] as Node, tables)
}

function pipeline(node: Node, tables: Readonly<Record<string, readonly Row[]>>): readonly Row[] {
  if (node.kind === 'NameReference') return tables[nameOf(node)] ?? []
  if (node.kind !== 'PipeExpression') throw unknown(node.kind)
  const [source, , operator] = node.children as [Node, Node, Node]
  const rows = pipeline(source, tables)
  switch (operator.kind) {
    case 'FilterOperator':
      return rows.filter((row) => value(operator.children.at(-1) as Node, row) === true)
    case 'ExtendOperator':
      return rows.map((row) => ({ ...row, ...columns(operator.children.at(-1) as Node, row) }))
    case 'SummarizeOperator':
      return summarize(operator, rows)
    default:
      throw unknown(operator.kind)
  }
}

function summarize(operator: Node, rows: readonly Row[]): readonly Row[] {
  const by = operator.children.find(({ kind }) => kind === 'SummarizeByClause')?.children.at(-1)
  const aggregates = operator.children.filter(({ kind }) => kind === 'List').at(-1)?.children ?? []
  const groups = new Map<string, { readonly keys: Row; readonly count: number }>()
  for (const row of rows) {
    const keys = by === undefined ? {} : columns(by, row)
    const group = JSON.stringify(keys)
    groups.set(group, { keys, count: (groups.get(group)?.count ?? 0) + 1 })
  }
  return [...groups.values()].map(({ keys, count }) => {
    const counted = aggregates.map((aggregate) => {
      const [name, , call] = aggregate.children as [Node, Node, Node]
      if (call.kind !== 'FunctionCallExpression' || nameOf(call.children[0] as Node) !== 'count')
        throw unknown('an aggregate other than count()')
      return [nameOf(name), count]
    })
    return { ...keys, ...(Object.fromEntries(counted) as Row) }
  })
}

/** `Name = expression, …`; a bare column keeps its name, and so does the column of `bin()`. */
function columns(list: Node, row: Row): Row {
  return Object.fromEntries(
    list.children.map((column) => {
      if (column.kind === 'SimpleNamedExpression') {
        const [name, , expression] = column.children as [Node, Node, Node]
        return [nameOf(name), value(expression, row)]
      }
      const named = column.kind === 'FunctionCallExpression' ? (argumentsOf(column)[0] as Node) : column
      return [nameOf(named), value(column, row)]
    }),
  )
}

function value(node: Node, row: Row): unknown {
  const [left, , right] = node.children as [Node, Node, Node]
  const text = (one: Node): string => toText(value(one, row))
  const folded = (one: Node): string => text(one).toLowerCase()
  switch (node.kind) {
    case 'NameReference':
      return row[nameOf(node)] ?? null
    case 'ParenthesizedExpression':
      return value(node.children[1] as Node, row)
    case 'StringLiteralExpression':
      return unquoted(left.text)
    case 'LongLiteralExpression':
      return Number(left.text)
    case 'TimespanLiteralExpression':
      return left.text
    case 'PathExpression':
      return member(value(left, row), nameOf(right))
    case 'AndExpression':
      return value(left, row) === true && value(right, row) === true
    case 'OrExpression':
      return value(left, row) === true || value(right, row) === true
    case 'EqualExpression':
      return value(left, row) === value(right, row)
    case 'NotEqualExpression':
      return value(left, row) !== value(right, row)
    case 'GreaterThanOrEqualExpression':
      return Number(value(left, row)) >= Number(value(right, row))
    case 'BangTildeExpression':
      return folded(left) !== folded(right)
    case 'StartsWithExpression':
      return folded(left).startsWith(folded(right))
    case 'NotContainsExpression':
      return !folded(left).includes(folded(right))
    case 'InExpression':
      return listed(right).some((one) => value(one, row) === value(left, row))
    case 'NotInExpression':
      return !listed(right).some((one) => value(one, row) === value(left, row))
    case 'FunctionCallExpression':
      return call(nameOf(left), argumentsOf(node), row)
    default:
      throw unknown(node.kind)
  }
}

function call(name: string, parameters: readonly Node[], row: Row): unknown {
  const [first, second, third] = parameters as [Node, Node, Node]
  switch (name) {
    case 'parse_json':
      return JSON.parse(toText(value(first, row))) as unknown
    case 'parse_url':
      return URL.canParse(toText(value(first, row))) ? { Host: new URL(toText(value(first, row))).hostname } : null
    case 'tostring':
      return toText(value(first, row))
    case 'tolower':
      return toText(value(first, row)).toLowerCase()
    // The first that is neither null nor an empty text.
    case 'coalesce':
      return parameters.map((one) => value(one, row)).find((one) => one !== null && one !== '') ?? ''
    case 'isempty':
      return toText(value(first, row)) === ''
    case 'isnotempty':
      return toText(value(first, row)) !== ''
    case 'isnull':
      return value(first, row) === null
    case 'not':
      return value(first, row) === false
    case 'iff':
      return value(first, row) === true ? value(second, row) : value(third, row)
    // All rows of a test are of one moment.
    case 'bin':
      return value(first, row)
    default:
      throw unknown(`${name}()`)
  }
}

function member(whole: unknown, name: string): unknown {
  return typeof whole === 'object' && whole !== null ? ((whole as Row)[name] ?? null) : null
}

function listed(list: Node): readonly Node[] {
  return list.children.find(({ kind }) => kind === 'List')?.children ?? []
}

function argumentsOf(node: Node): readonly Node[] {
  return listed(node.children[1] as Node)
}

function nameOf(node: Node): string {
  return node.text === '' ? nameOf(node.children[0] as Node) : node.text
}

function toText(one: unknown): string {
  return typeof one === 'string' ? one : one === null || one === undefined ? '' : JSON.stringify(one)
}

function unquoted(literal: string): string {
  const quote = literal[0] as string
  return quote === "'"
    ? literal.slice(1, -1).replaceAll("\\'", "'").replaceAll('\\\\', '\\')
    : (JSON.parse(literal) as string)
}

function unknown(what: string): Error {
  return new Error(`this evaluator does not know ${what}: add it with the semantics of its documentation`)
}
