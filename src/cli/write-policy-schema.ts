import { writeFileSync } from 'node:fs'
import { policyJsonSchema } from './policy-json-schema.ts'

/** `node src/cli/write-policy-schema.ts` renews policy.schema.json; a test says when that was forgotten. */
writeFileSync(new URL('../../policy.schema.json', import.meta.url), `${JSON.stringify(policyJsonSchema(), null, 2)}\n`)
