/** A member name that a person and a JSON parser would read differently. */
export interface NameFault {
  readonly path: readonly PropertyKey[]
  readonly fault: 'duplicate' | 'prototype'
}

interface Container {
  /** Undefined for a list. */
  readonly names: Set<string> | undefined
  /** The current member or position. */
  step: PropertyKey
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/**
 * Finds member names that occur twice in one object (RFC 8259, section 4: parsers keep the last, people read the first) and `__proto__`,
 * which the schema ignores silently. NOT checked: syntax, so `json` must have passed JSON.parse.
 */
export function findNameFaults(json: string): readonly NameFault[] {
  const faults: NameFault[] = []
  const open: Container[] = []
  let text = ''
  for (const [token] of json.matchAll(TOKEN)) {
    const inner = open.at(-1)
    if (token === '{') open.push({ names: new Set(), step: '' })
    else if (token === '[') open.push({ names: undefined, step: 0 })
    else if (token === '}' || token === ']') open.pop()
    else if (token === ',' && inner !== undefined && inner.names === undefined) inner.step = Number(inner.step) + 1
    else if (token === ':' && inner?.names !== undefined) {
      const name = JSON.parse(text) as string
      inner.step = name
      const path = open.map(({ step }) => step)
      if (name === '__proto__') faults.push({ path, fault: 'prototype' })
      else if (inner.names.has(name)) faults.push({ path, fault: 'duplicate' })
      inner.names.add(name)
    } else text = token
  }
  return faults
}
