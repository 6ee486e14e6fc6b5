/** The process of the storage emulator: Azurite's own command line, in a process that ends with the one that started it. */
import { createRequire } from 'node:module'

process.on('disconnect', () => process.exit())
createRequire(import.meta.url)('azurite/dist/src/azurite.js')
