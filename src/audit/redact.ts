/** Longer values are cut: a log line is read by people and paid for by the byte. */
const MAX_TEXT_LENGTH = 512

/**
 * Control and format characters, line separators and lone surrogates: what could forge a log line, turn its reading direction, hide in
 * it, or break a reader.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Makes a value from outside fit for a log: bounded, with everything unprintable spelled out. */
export function printable(text: string, maxLength = MAX_TEXT_LENGTH): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text
  return cut.replace(UNSAFE, (character) => character.split('').map(escape).join(''))
}

function escape(codeUnit: string): string {
  return `\\u${codeUnit.charCodeAt(0).toString(16).padStart(4, '0')}`
}
