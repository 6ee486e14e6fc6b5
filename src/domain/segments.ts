/**
 * The one grammar of the path segments of an API Management backend (contract, section 3). Nothing else is sent. ARM's own patterns allow
 * more (the official resource-group pattern allows `..`), and the SDK enforces none.
 *
 * Character classes are ASCII, without the flags `i` and `u`: with both, `/[a-z]/` would also match U+212A and U+017F.
 */
export const SEGMENT_PATTERNS = {
  subscriptionId: /^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$/,
  resourceGroupName: /^[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]$/,
  serviceName: /^[A-Za-z](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?$/,
  // Printable ASCII without space and without * # & + : < > ? % / \, and not a dot segment.
  backendId: /^(?!\.{1,2}$)[!"$'(),\-.0-9;=@A-Z[\]^_`a-z{|}~]{1,80}$/,
} as const

export type SegmentName = keyof typeof SEGMENT_PATTERNS

/** The grammar in words, for error messages. */
export const SEGMENT_EXPECTATION: Readonly<Record<SegmentName, string>> = {
  subscriptionId: 'a GUID',
  resourceGroupName: '1 to 90 of the ASCII characters A-Z a-z 0-9 _ ( ) . - and not ending in a dot',
  serviceName: '1 to 50 ASCII letters, digits and hyphens, starting with a letter and not ending in a hyphen',
  backendId: "1 to 80 printable ASCII characters without space and * # & + : < > ? % / \\, and not '.' or '..'",
}

export function isSegment(name: SegmentName, text: string): boolean {
  return SEGMENT_PATTERNS[name].test(text)
}

export function isGuid(text: string): boolean {
  return SEGMENT_PATTERNS.subscriptionId.test(text)
}

const ANY_NOT_ASCII = /[^\0-\x7f]/

/** Lower-cases A to Z only. JavaScript's own folding, which is faster, maps some characters of other scripts to ASCII letters. */
export function foldAscii(text: string): string {
  return ANY_NOT_ASCII.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text.toLowerCase()
}
