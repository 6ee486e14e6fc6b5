declare const opaque: unique symbol

/** Opaque, URL-safe and unguessable (contract, section 7). */
export type OperationId = string & { readonly [opaque]: true }
