/** The code that signs in with a developer's own tools, behind a door of its own: on Azure it is never read. */
export { createDeveloperCredential } from './managed-identity/developer-credential.ts'
