import { createHmac, randomBytes } from 'node:crypto'
import type { WebhookConfig } from '../config/config.ts'
import { webhookCaller, type Caller } from '../domain/caller.ts'
import type { AuthenticationFailure, RequestFailure } from '../domain/failure.ts'
import { foldAscii } from '../domain/segments.ts'
import type { VerifiedPost, WebhookCredentials } from '../reconnect/alert-ports.ts'
import type { Authenticate } from '../reconnect/ports.ts'
import type { Clock } from '../shared/clock.ts'
import type { Deadline } from '../shared/deadline.ts'
import { err, ok, type Result } from '../shared/result.ts'
import type { CredentialRefusal } from './credential-refusal.ts'
import { secretFault } from './webhook-secret.ts'
import { hmacFault, standardWebhooksFault } from './webhook-signature.ts'

export type ReadBody = () => Promise<Result<Uint8Array, RequestFailure>>

export interface WebhookAuthenticator {
  /** Verifying returns the body: unproven bytes cannot be read. Bounded by `readBody` and the deadline. */
  verifyPost(
    name: string,
    credentials: WebhookCredentials,
    readBody: ReadBody,
    deadline: Deadline,
  ): Promise<Result<VerifiedPost, AuthenticationFailure | RequestFailure>>
  /** For a request without body (OPTIONS): a signature over a body cannot prove it. */
  verifyHandshake(
    name: string,
    credentials: WebhookCredentials,
    deadline: Deadline,
  ): Promise<Result<WebhookConfig, AuthenticationFailure>>
}

export interface WebhookAuthenticatorOptions {
  readonly webhooks: readonly WebhookConfig[]
  /** For senders with a token of Entra ID. */
  readonly authenticate: Authenticate
  readonly clock: Clock
}

/**
 * Contract, sections 4 and 5: a sender proves itself by what its webhook says, over the raw bytes, before anything is parsed. From outside, a webhook that
 * does not exist, a wrong proof and another kind of proof are one. That includes an issuer that is away: a sender with a token of Entra ID is then
 * told to try again (503), whichever webhook it names. 401 would tell an `entra` webhook from none, or lose its alerts for good.
 */
export function createWebhookAuthenticator({
  webhooks,
  authenticate,
  clock,
}: WebhookAuthenticatorOptions): WebhookAuthenticator {
  const byName = new Map(webhooks.map((webhook) => [webhook.name, webhook]))
  const keyOfNone = randomBytes(32)

  /** Senders bring a token. `x-ms-client-principal` is ignored here: it describes a browser session of App Service Authentication. */
  function authenticateToken(
    { header }: WebhookCredentials,
    deadline: Deadline,
  ): Promise<Result<Caller, AuthenticationFailure>> {
    return authenticate({ authorization: header('authorization'), clientPrincipal: undefined }, deadline)
  }

  /** A refusal, unless the request brings a token that cannot be judged at the moment: then what an `entra` webhook would answer. */
  async function refuse(
    failure: AuthenticationFailure,
    credentials: WebhookCredentials,
    deadline: Deadline,
  ): Promise<Result<never, AuthenticationFailure>> {
    if (failure.reason === 'keys_unavailable') return err(failure)
    const sender = await authenticateToken(credentials, deadline)
    if (sender.ok || sender.error.reason !== 'keys_unavailable') return err(failure)
    return err({ ...sender.error, detail: `${failure.reason}; ${sender.error.detail}` })
  }

  async function proveSender(
    webhook: WebhookConfig,
    role: string | undefined,
    appIds: readonly string[] | undefined,
    credentials: WebhookCredentials,
    deadline: Deadline,
  ): Promise<Result<Caller, AuthenticationFailure>> {
    const sender = await authenticateToken(credentials, deadline)
    if (!sender.ok) return sender
    const { kind, id, principals } = sender.value
    const refused = (detail: string): Result<never, CredentialRefusal> => err({ reason: 'webhook_sender', detail })
    if (kind !== 'app') return refused('the token is not an application’s')
    if (role !== undefined && !principals.some((principal) => principal === `role:${role}`))
      return refused('the token lacks the role')
    if (appIds !== undefined && !appIds.some((appId) => foldAscii(appId) === id))
      return refused('the token is of another application')
    return ok(webhookCaller(webhook.name, id))
  }

  /** What can be proven without a body; `signed` where it cannot. */
  async function prove(
    webhook: WebhookConfig,
    credentials: WebhookCredentials,
    deadline: Deadline,
  ): Promise<Result<Caller, AuthenticationFailure> | 'signed'> {
    const { authentication, secrets } = webhook
    switch (authentication.type) {
      case 'entra':
        return proveSender(webhook, authentication.role, authentication.appIds, credentials, deadline)
      case 'bearer':
      case 'basic':
      case 'query':
        return toCaller(webhook, secretFault(authentication, secrets, credentials))
      case 'hmac':
      case 'standard-webhooks':
        return 'signed'
    }
  }

  function proveSignature(
    { authentication, secrets, ...webhook }: WebhookConfig,
    credentials: WebhookCredentials,
    body: Uint8Array,
  ): Result<Caller, AuthenticationFailure> {
    const fault =
      authentication.type === 'hmac'
        ? hmacFault(authentication, secrets, credentials, body, clock.now())
        : standardWebhooksFault(secrets, credentials, body, clock.now())
    return toCaller(webhook, fault)
  }

  return {
    async verifyPost(name, credentials, readBody, deadline) {
      const webhook = byName.get(foldAscii(name))
      if (webhook === undefined) {
        const body = await readBody()
        if (!body.ok) return body
        createHmac('sha256', keyOfNone).update(body.value).digest()
        return refuse({ reason: 'webhook_unknown' }, credentials, deadline)
      }
      const proof = await prove(webhook, credentials, deadline)
      if (proof !== 'signed' && !proof.ok) return refuse(proof.error, credentials, deadline)
      const body = await readBody()
      if (!body.ok) return body
      const caller = proof === 'signed' ? proveSignature(webhook, credentials, body.value) : proof
      return caller.ok
        ? ok({ webhook, caller: caller.value, body: body.value })
        : refuse(caller.error, credentials, deadline)
    },

    async verifyHandshake(name, credentials, deadline) {
      const webhook = byName.get(foldAscii(name))
      if (webhook === undefined) return refuse({ reason: 'webhook_unknown' }, credentials, deadline)
      const proof = await prove(webhook, credentials, deadline)
      if (proof !== 'signed') return proof.ok ? ok(webhook) : refuse(proof.error, credentials, deadline)
      const detail = 'a handshake has no body to be signed'
      return refuse({ reason: 'webhook_proof_missing', detail }, credentials, deadline)
    },
  }
}

function toCaller(
  { name }: Pick<WebhookConfig, 'name'>,
  fault: CredentialRefusal | undefined,
): Result<Caller, CredentialRefusal> {
  return fault === undefined ? ok(webhookCaller(name)) : err(fault)
}
