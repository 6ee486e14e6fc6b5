/** A contract as its headings number it: the number of a section and its whole text. */
export type Sections = ReadonlyMap<number, string>

/** Reads `## 5. Alerts` and what follows it up to the next such heading. */
export function parseSections(markdown: string): Sections {
  const [, ...sections] = markdown.split(/^## (?=[0-9]+\. )/m)
  return new Map(sections.map((text) => [Number.parseInt(text, 10), text]))
}

/** `section 5`, `sections 5 and 6`, `section 6, "Storage down"`, `section 3.8`. */
const CITATION =
  /\bsections? ([0-9]+(?:\.[0-9]+)*)(?:(?:,| and| to) ([0-9]+(?:\.[0-9]+)*))*(?:, (?:"([^"]+)"|“([^”]+)”))?/gi
/** Where a citation names its document: in the words before the section, within one sentence. */
const CONTRACT = /\bcontract(?:'s|’s)?,? (?:and |of )?$/i
const FOREIGN = /(?:\bRFC [0-9]+|\bISO [0-9-]+|\b[A-Z][A-Za-z]+ [0-9]+\.[0-9]+(?: [A-Z][A-Za-z ]+)?|["”»])[^.;]*$/
const FOREIGN_AFTER = /^ of the RFC\b/
const BEFORE_CHARS = 90

/** A sentence for every citation in a text that cannot be followed. */
export function citationFaults(file: string, text: string, contract: Sections): readonly string[] {
  const plain = withoutLineBreaks(text)
  return [...plain.matchAll(CITATION)].flatMap((match) => {
    const cited = match[0]
    const before = plain.slice(Math.max(0, match.index - BEFORE_CHARS), match.index)
    const after = plain.slice(match.index + cited.length)
    if (!CONTRACT.test(before)) {
      return FOREIGN.test(before) || FOREIGN_AFTER.test(after) || isSameSentenceOfContract(before)
        ? []
        : [`${file} cites "${cited}" without its document: write "contract, ${cited}" or name the RFC.`]
    }
    return contractFaults(file, match, contract)
  })
}

/** "Contract, section 6, and what section 3 says": the second number belongs to the contract too. */
function isSameSentenceOfContract(before: string): boolean {
  return /\bcontract\b[^.;]*$/i.test(before)
}

function contractFaults(file: string, match: RegExpExecArray, contract: Sections): readonly string[] {
  const cited = match[0]
  const phrase = match[3] ?? match[4]
  const numbers = [...cited.replace(/["“].*$/, '').matchAll(/[0-9]+/g)].map(([number]) => Number(number))
  const unknown = numbers.filter((number) => !contract.has(number))
  if (unknown.length > 0) return [`${file} cites "${cited}": the contract has no section ${unknown.join(' and ')}.`]
  if (phrase === undefined || numbers.some((number) => contract.get(number)?.includes(phrase))) return []
  return [`${file} cites "${cited}": the contract's section ${numbers.join(' and ')} does not contain that phrase.`]
}

/** The names of documents that a text cites, such as `docs/storage.md` or `docs/decisions/006`. */
export function citedDocuments(text: string): readonly string[] {
  return [...text.matchAll(/\bdocs\/[A-Za-z0-9_./-]*[A-Za-z0-9]/g)].map(([path]) => path)
}

/** The local files that a Markdown text links to, without the part behind `#`. */
export function linkedFiles(markdown: string): readonly string[] {
  return [...markdown.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)/g)].map(([, path = '']) => path)
}

/** Comments and paragraphs as one line each, so that a citation may be broken over two lines. */
function withoutLineBreaks(text: string): string {
  return text.replace(/\n[ \t]*(?:\/\/|\*(?!\/))?[ \t]*/g, ' ')
}
