/** Thrown at the host after the audit event: it shows the same message again, and nothing was stored for it (invariant 7). */
export class MessageComesBack extends Error {
  override readonly name = 'MessageComesBack'
}
