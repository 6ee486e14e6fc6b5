import { writeFileSync } from 'node:fs'
import { publishedOpenApi30 } from './published-openapi.ts'

/** `node src/cli/write-openapi.ts` renews docs/openapi-3.0.json; a test says when that was forgotten. */
writeFileSync(
  new URL('../../docs/openapi-3.0.json', import.meta.url),
  `${JSON.stringify(publishedOpenApi30(), null, 2)}\n`,
)
