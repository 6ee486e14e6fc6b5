import { TableClient } from '@azure/data-tables'
import type { TokenCredential } from '@azure/identity'
import type { ArmCredential, StorageConfig } from '../config/config.ts'
import { createPooledHttpClient } from '../transport/http-client.ts'
import { removeUnusedPolicies } from '../transport/unused-policies.ts'
import { TABLES } from './names.ts'

/** A page has 1,000 rows at most, and the rows of this app have some kilobytes. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024

/** The two tables; `docs/storage.md` describes their rows. */
export interface Tables {
  /** A partition per backend: its slot and its operations. */
  readonly backends: TableClient
  /** A partition per month: copies of operations, for lists across backends. */
  readonly history: TableClient
}

/**
 * `prefix` stands in front of both names (RECONNECT_STORAGE_PREFIX). `credential` makes the identity's credential, where there is no
 * connection string.
 */
export function openTables(
  storage: StorageConfig,
  prefix: string,
  credential: (choice: ArmCredential) => TokenCredential,
): Tables {
  const options = { httpClient: createPooledHttpClient({ maxResponseBytes: MAX_RESPONSE_BYTES }) }
  const connect = (name: string): TableClient =>
    storage.kind === 'connection-string'
      ? TableClient.fromConnectionString(storage.connectionString, `${prefix}${name}`, {
          ...options,
          allowInsecureConnection: storage.allowHttp,
        })
      : new TableClient(storage.tableUri, `${prefix}${name}`, credential(storage.credential), options)
  function open(name: string): TableClient {
    const client = connect(name)
    // Retries belong to the protocol: it reads back first, where the SDK would meet its own write as another's.
    removeUnusedPolicies(client.pipeline)
    return client
  }
  return { backends: open(TABLES.backends), history: open(TABLES.history) }
}
