import { TableClient } from '@azure/data-tables'
import type { TokenCredential } from '@azure/identity'
import type { ArmCredential, StorageConfig } from '../config/config.ts'
import { TABLES } from './names.ts'

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
  const open = (name: string): TableClient =>
    storage.kind === 'connection-string'
      ? TableClient.fromConnectionString(storage.connectionString, `${prefix}${name}`, {
          ...OPTIONS,
          allowInsecureConnection: storage.allowHttp,
        })
      : new TableClient(storage.tableUri, `${prefix}${name}`, credential(storage.credential), OPTIONS)
  return { backends: open(TABLES.backends), history: open(TABLES.history) }
}

/** Retries belong to the protocol: it reads back first, where the SDK would meet its own write as another's. */
const OPTIONS = { retryOptions: { maxRetries: 0 } }
