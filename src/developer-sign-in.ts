/** The code that signs in with a developer's own tools, in a part of its own: on Azure it is never read. */
export { createDeveloperCredential } from './managed-identity/developer-credential.ts'
