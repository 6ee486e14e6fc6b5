import { readConfig } from '../config/read-config.ts'
import { ROUTES } from '../functions/routes.ts'
import { openApiDocument } from '../http/openapi/document.ts'
import { toOpenApi30 } from '../http/openapi/to-openapi-3-0.ts'

/** Settings without a default; none of them is in the document. */
const MINIMAL = {
  ENTRA_TENANT_ID: '11111111-2222-3333-4444-555555555555',
  ENTRA_AUDIENCE: 'api://11111111-2222-3333-4444-555555555555',
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
}

/** The description of an app with default settings, for generators that read OpenAPI 3.0 only. Its address is to be filled in. */
export function publishedOpenApi30(): object {
  const config = readConfig(MINIMAL, () => undefined)
  if (!config.ok) throw new TypeError(`a setting without a default is missing: ${JSON.stringify(config.error)}`)
  const { apiVersions, defaultApiVersion } = config.value.arm
  const document = openApiDocument({
    apiVersions: { supported: apiVersions, fallback: defaultApiVersion },
    publicUrl: undefined,
    functions: new Set(ROUTES.map(({ name }) => name)),
  })
  const host = { default: 'reconnect.contoso.example', description: 'Where the app is reached.' }
  return toOpenApi30({ ...document, servers: [{ url: 'https://{host}', variables: { host } }] })
}
