/**
 * The path of a request as Kestrel passes it on (UrlDecoder, PathNormalizer, then PathString): percent-encodings that are well-formed UTF-8
 * are decoded – except `%2F`, and except anything that is not well-formed, which stays as it was sent –, and dot segments
 * are removed after that, so `%2e%2e` climbs as `..` does. Undefined: Kestrel answers 400 (not ASCII, a NUL, no leading slash).
 */
export function decodeRequestPath(raw: string): string | undefined {
  if (!raw.startsWith('/') || /[^\x21-\x7e]/.test(raw)) return undefined
  const decoded = percentDecode(raw)
  if (decoded.includes('\0')) return undefined
  return removeDotSegments(decoded)
}

/** The path as `PathString.ToUriComponent` writes it into the URL that the function sees: encoded triplets stay as they are. */
export function encodeRequestPath(path: string): string {
  return path.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/gu, (part) =>
    part.length === 3 ? part : encodeURIComponent(part),
  )
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Runs of encoded bytes are decoded one character at a time, so that one bad byte leaves the others decoded. */
function percentDecode(text: string): string {
  return text.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex')
    let decoded = ''
    for (let index = 0; index < bytes.length;) {
      const length = characterLength(bytes, index)
      decoded +=
        length === 0 ? run.slice(index * 3, index * 3 + 3) : UTF_8.decode(bytes.subarray(index, index + length))
      index += Math.max(length, 1)
    }
    return decoded
  })
}

/** How many bytes make up the character that starts here; 0 where they stay encoded. */
function characterLength(bytes: Buffer, start: number): number {
  const first = bytes[start] as number
  if (first === 0x2f) return 0
  const length =
    first < 0x80
      ? 1
      : first >= 0xc2 && first < 0xe0
        ? 2
        : first >= 0xe0 && first < 0xf0
          ? 3
          : first >= 0xf0 && first < 0xf5
            ? 4
            : 0
  if (length === 0 || start + length > bytes.length) return 0
  try {
    UTF_8.decode(bytes.subarray(start, start + length))
    return length
  } catch {
    return 0
  }
}

/** RFC 3986, 5.2.4. Empty segments are segments. */
function removeDotSegments(path: string): string {
  const segments = path.split('/').slice(1)
  const kept: string[] = []
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (segment === '..') kept.pop()
    else if (segment !== '.') kept.push(segment)
    if (isLast && (segment === '.' || segment === '..')) kept.push('')
  }
  return `/${kept.join('/')}`
}
