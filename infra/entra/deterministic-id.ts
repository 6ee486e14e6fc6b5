import { createHash } from 'node:crypto'

/** The namespace of `guid()` in ARM templates (RFC 9562, section 5.5). */
const ARM_NAMESPACE = '11fb06fb-712d-4ddd-98c7-e71bbd588830'

/** What `guid(…)` of Bicep returns for the same texts: a UUID of version 5 over the texts joined with `-`. */
export function deterministicId(...parts: readonly string[]): string {
  const hash = createHash('sha1')
    .update(Buffer.from(ARM_NAMESPACE.replaceAll('-', ''), 'hex'))
    .update(parts.join('-'))
    .digest()
    .subarray(0, 16)
  hash[6] = ((hash[6] as number) & 0x0f) | 0x50
  hash[8] = ((hash[8] as number) & 0x3f) | 0x80
  return hash.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
