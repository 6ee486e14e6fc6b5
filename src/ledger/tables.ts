import { TableClient } from '@azure/data-tables'
import type { TokenCredential } from '@azure/identity'
import type { ArmCredential, StorageConfig } from '../config/config.ts'

/** The two tables; `docs/storage.md` describes their rows. */
export interface Tables {
  /** A partition per backend: its slot and its operations. */
  readonly backends: TableClient
  /** A partition per month: copies of operations, for lists across backends. */
  readonly history: TableClient
}

const BACKENDS = 'reconnects'
const HISTORY = 'reconnecthistory'

/** `credential` makes the identity's credential, where there is no connection string. */
export function openTables(storage: StorageConfig, credential: (choice: ArmCredential) => TokenCredential): Tables {
  const open = (name: string): TableClient =>
    storage.kind === 'connection-string'
      ? TableClient.fromConnectionString(storage.connectionString, name, {
          ...OPTIONS,
          allowInsecureConnection: storage.allowHttp,
        })
      : new TableClient(storage.tableUri, name, credential(storage.credential), OPTIONS)
  return { backends: open(BACKENDS), history: open(HISTORY) }
}

/** Retries are the protocol's: it reads back first, where the SDK would meet its own write as a stranger's. */
const OPTIONS = { retryOptions: { maxRetries: 0 } }
