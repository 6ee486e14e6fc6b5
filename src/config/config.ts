import type { Mode } from '../domain/mode.ts'
import type { PolicyDocument, Webhook } from '../policy/policy-document.ts'

export type { Mode }

/** Where the app runs and what is allowed, validated and frozen. */
export interface Config {
  readonly entra: EntraConfig
  /** The platform says that App Service Authentication is on (`WEBSITE_AUTH_ENABLED`). */
  readonly appServiceAuthentication: boolean
  readonly policy: PolicyDocument
  /** The policy's webhooks with the secrets that they name. */
  readonly webhooks: readonly WebhookConfig[]
  readonly mode: Mode
  readonly deadlineMs: number
  /** Client id of the console's app registration. Absent: no user can sign in to the console. */
  readonly consoleClientId?: string
  /** In front of the names of all tables and queues; empty when there is none. */
  readonly storagePrefix: string
  /** Origin without trailing slash under which callers reach the app. Absent: answers name no absolute address. */
  readonly publicUrl?: string
  readonly arm: ArmConfig
  readonly storage: StorageConfig
}

/** An alert sender with the values of its secrets, the current one first. None for `entra`. */
export type WebhookConfig = Webhook & { readonly secrets: readonly string[] }

export interface EntraConfig {
  /** Lower-case GUID. */
  readonly tenantId: string
  /** Every accepted `aud`; `api://x` has already been joined by `x`. */
  readonly audiences: readonly string[]
  /** Origin without trailing slash, such as `https://login.microsoftonline.com`. */
  readonly authority: string
  /** Scopes of which a person's token needs one. */
  readonly scopes: readonly string[]
}

export interface ArmConfig {
  /** Origin without trailing slash; decides host and token scope. */
  readonly endpoint: string
  readonly apiVersions: readonly string[]
  readonly defaultApiVersion: string
  readonly credential: ArmCredential
}

/** The Functions host's own storage account (`AzureWebJobsStorage`). */
export type StorageConfig =
  | { readonly kind: 'connection-string'; readonly connectionString: string; readonly allowHttp: boolean }
  | {
      readonly kind: 'identity'
      readonly tableUri: string
      readonly queueUri: string | undefined
      readonly credential: ArmCredential
    }

/** Which identity asks ARM, or storage. A managed identity without an id is the system-assigned one. */
export type ArmCredential =
  | { readonly kind: 'managed-identity'; readonly clientId?: string; readonly resourceId?: string }
  | { readonly kind: 'developer' }

/** One problem of the configuration. Never carries the value, which may be a secret. */
export interface ConfigProblem {
  /** Setting, or setting and path into the policy document: `RECONNECT_POLICY grants[2].scope`. */
  readonly name: string
  readonly expectation: string
  readonly example: string
}
