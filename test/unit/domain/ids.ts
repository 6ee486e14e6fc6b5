import fc from 'fast-check'
import { parseBackendParts, type Backend, type BackendParts } from '../../../src/domain/backend-id.ts'

export const SUBSCRIPTION = '11111111-2222-3333-4444-555555555555'
export const GROUP_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg-apim`
export const SERVICE_ID = `${GROUP_ID}/providers/Microsoft.ApiManagement/service/apim-prod`
export const BACKEND_ID = `${SERVICE_ID}/backends/orders`

export const someParts: fc.Arbitrary<BackendParts> = fc.record(
  {
    subscriptionId: fc.uuid(),
    resourceGroupName: fc.stringMatching(/^[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]$/),
    serviceName: fc.stringMatching(/^[A-Za-z](?:[A-Za-z0-9-]{0,48}[A-Za-z0-9])?$/),
    backendId: fc
      .stringMatching(/^[!"$'(),\-.0-9;=@A-Z[\]^_`a-z{|}~]{1,80}$/)
      .filter((id) => id !== '.' && id !== '..'),
  },
  { noNullPrototype: true },
)

/** The same text with another case of some ASCII letters. */
export const inSomeCase = (text: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: text.length, maxLength: text.length })
    .map((upper) =>
      text.replace(/[A-Za-z]/g, (letter, at: number) =>
        upper[at] === true ? letter.toUpperCase() : letter.toLowerCase(),
      ),
    )

export function aBackend(parts: Partial<BackendParts> = {}): Backend {
  const backend = parseBackendParts({
    subscriptionId: SUBSCRIPTION,
    resourceGroupName: 'rg-apim',
    serviceName: 'apim-prod',
    backendId: 'orders',
    ...parts,
  })
  if (!backend.ok) throw new Error(`not a backend: ${backend.error.segment}`)
  return backend.value
}
