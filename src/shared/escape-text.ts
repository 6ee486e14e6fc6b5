/** Everything outside printable ASCII, one UTF-16 code unit at a time. */
const NOT_PRINTABLE_ASCII = /[^ -~]/g
const ANY_NOT_PRINTABLE_ASCII = /[^ -~]/

/**
 * Control and format characters, line and paragraph separators, lone surrogates: these can forge a log line, reverse its reading direction,
 * hide text in it, or break its reader.
 */
const UNSAFE_IN_A_LOG = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Replaces every UTF-16 code unit outside printable ASCII with `\uXXXX`. A JSON text keeps its value (RFC 8259, section 7).
 * NOT escaped: quotation marks and backslashes. Use {@link quoteText} where the end of the text must be recognisable.
 */
export function escapeNonAscii(text: string): string {
  return text.replace(NOT_PRINTABLE_ASCII, escapeCodeUnits)
}

/** Replaces only characters that are unsafe in a log with `\uXXXX`; letters of all scripts stay readable. */
export function escapeUnsafe(text: string): string {
  return ANY_NOT_PRINTABLE_ASCII.test(text) ? text.replace(UNSAFE_IN_A_LOG, escapeCodeUnits) : text
}

/** At most `maxChars` UTF-16 code units of the text, then `...` if it was longer, in printable ASCII. */
export function excerpt(text: string, maxChars: number): string {
  return text.length > maxChars ? `${escapeNonAscii(text.slice(0, maxChars))}...` : escapeNonAscii(text)
}

/** The same as a JSON string in quotation marks: the text cannot end the quotation early. `...` follows the closing mark. */
export function quoteText(text: string, maxChars: number): string {
  const quoted = escapeNonAscii(JSON.stringify(text.slice(0, maxChars)))
  return text.length > maxChars ? `${quoted}...` : quoted
}

function escapeCodeUnits(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')
}
