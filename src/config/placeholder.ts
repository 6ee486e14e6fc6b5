/** What templates of configuration put around the name of a value. */
const BRACKETS = [
  ['<', '>'],
  ['{{', '}}'],
  ['${', '}'],
  ['$(', ')'],
  ['%', '%'],
  ['[', ']'],
] as const
/** `change-me`, `REPLACE_WITH_your_secret` */
const VERBS = ['change', 'replace', 'insert', 'enter', 'put']
const OBJECTS = ['me', 'this', 'it', 'here', 'with', 'your', 'the', 'secret']
/** `my-secret-token`, `test_password_123`: no other word in it. */
const NOUNS = ['example', 'sample', 'placeholder', 'dummy', 'todo', 'fixme', 'tbd', 'test', 'my']
const THINGS = ['secret', 'token', 'key', 'password', 'value']

const ORDERS: ReadonlySet<string> = new Set(VERBS.flatMap((verb) => OBJECTS.map((object) => `${verb}${object}`)))
const STAND_INS: ReadonlySet<string> = new Set([
  ...NOUNS,
  ...THINGS,
  ...NOUNS.flatMap((noun) => THINGS.map((thing) => `${noun}${thing}`)),
])

/** Whether a text stands where a secret is to be filled in. A random secret is none of these but by an accident of one in millions. */
export function isPlaceholder(text: string): boolean {
  if (BRACKETS.some(([begin, end]) => text.startsWith(begin) && text.endsWith(end))) return true
  if (text === text.charAt(0).repeat(text.length)) return true
  const words = text.toLowerCase().split(/[-_ ]+/)
  const [first = '', second = ''] = words
  if (ORDERS.has(first) || ORDERS.has(`${first}${second}`) || (first === 'your' && words.length > 1)) return true
  const letters = words.map((word) => word.replace(/[0-9]+$/, '')).filter((word) => word !== '')
  return letters.length > 0 && letters.every((word) => STAND_INS.has(word))
}
