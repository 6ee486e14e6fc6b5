import { randomUUID } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { ArmRefusal } from './arm-errors.ts'
import { NO_FAULT, REDIRECT_PREFIX, toArmFaultEffect, toBudgetEffect, type ArmFaultEffect } from './arm-faults.ts'
import type { ArmJournal, ReceivedRequest } from './arm-journal.ts'
import { judge, type ArmJudgement, type ArmVerifier } from './arm-judgement.ts'
import { parseTarget, type ArmRequest, type ArmTarget } from './arm-request.ts'
import { TENANT_ID } from './directory.ts'
import type { Faults } from './faults.ts'
import { listener, readText } from './http-helpers.ts'
import { createWriteBudget } from './write-budget.ts'

export interface ArmOptions extends ArmVerifier {
  readonly origin: () => string
  readonly faults: Faults
  readonly journal: ArmJournal
}

const REGION = 'WESTEUROPE'

/** Azure Resource Manager as far as a reconnect goes: read → write into the journal → fault → judge → take effect → answer. */
export function createArm(options: ArmOptions): RequestListener {
  const budget = createWriteBudget(options.now)

  return listener(async (request, response) => {
    const armRequest = await readRequest(request)
    const entry = options.journal.received(toEntry(armRequest, options.now()))
    response.on('finish', () => (entry.status = response.statusCode))
    const left = budget.spend(
      `${armRequest.method === 'GET' ? 'reads' : 'writes'} ${armRequest.target?.subscriptionId ?? ''}`,
    )
    writeCommonHeaders(request, response, left.remaining, options.now())
    if (armRequest.path.startsWith(REDIRECT_PREFIX)) return void response.writeHead(202).end()

    const fault = takeFault(armRequest.target, left.retryAfterSeconds)
    if (fault.delayMs > 0) await delay(fault.delayMs, undefined, { ref: false })
    if (fault.answer === undefined || fault.appliesFirst) {
      const judgement = await judge(armRequest, options)
      if (judgement.kind === 'reconnect')
        options.journal.tookEffect(toEffect(judgement.target, judgement.after, options.now()))
      if (fault.answer === undefined) return answer(response, judgement)
    }
    if (fault.answer.kind === 'raw') return fault.answer.write(request, response)
    refuse(response, fault.answer.refusal)
  })

  function takeFault(target: ArmTarget | undefined, retryAfterSeconds: number | undefined): ArmFaultEffect {
    const fault = options.faults.takeForRequest('arm', target?.resourceId)
    if (fault === undefined) return NO_FAULT
    if (fault.kind === 'write-budget') return toBudgetEffect(retryAfterSeconds)
    return toArmFaultEffect(fault, target?.resourceId ?? '', options.origin())
  }
}

async function readRequest(request: IncomingMessage): Promise<ArmRequest> {
  const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s)
  return {
    method: request.method ?? '',
    path,
    query: new URLSearchParams(query),
    headers: request.headers,
    body: await readText(request),
    target: parseTarget(path),
  }
}

function toEntry(request: ArmRequest, nowEpochMs: number): ReceivedRequest {
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    name === 'authorization' ? '(left out)' : String(value),
  ])
  return {
    at: new Date(nowEpochMs).toISOString(),
    method: request.method,
    path: request.path,
    query: Object.fromEntries(request.query),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: request.body,
  }
}

function toEffect(target: ArmTarget, after: string | undefined, nowEpochMs: number) {
  return { at: new Date(nowEpochMs).toISOString(), backend: target.resourceId, ...(after !== undefined && { after }) }
}

const GUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** The headers that ARM puts on everything. The caller's correlation id is kept where it is a GUID. */
function writeCommonHeaders(
  request: IncomingMessage,
  response: ServerResponse,
  remainingWrites: number,
  nowEpochMs: number,
): void {
  const given = String(request.headers['x-ms-correlation-request-id'] ?? '')
  const correlationId = GUID.test(given) ? given : randomUUID()
  const requestId = randomUUID()
  const stamp = new Date(nowEpochMs).toISOString().replace(/[-:]|\.[0-9]+/g, '')
  const headers = {
    'Cache-Control': 'no-cache',
    Pragma: 'no-cache',
    Expires: '-1',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'X-Content-Type-Options': 'nosniff',
    'x-ms-request-id': requestId,
    'x-ms-correlation-request-id': correlationId,
    'x-ms-routing-request-id': `${REGION}:${stamp}:${correlationId}`,
  }
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.setHeader(
    `x-ms-ratelimit-remaining-subscription-${request.method === 'GET' ? 'reads' : 'writes'}`,
    String(remainingWrites),
  )
  const clientRequestId = request.headers['x-ms-client-request-id']
  if (request.headers['x-ms-return-client-request-id'] === 'true' && clientRequestId !== undefined)
    response.setHeader('x-ms-client-request-id', clientRequestId)
}

function answer(response: ServerResponse, judgement: ArmJudgement): void {
  switch (judgement.kind) {
    case 'refused':
      return refuse(response, judgement.refusal)
    case 'reconnect':
      return void response.writeHead(202, { 'Content-Length': '0' }).end()
    case 'backend':
      return sendBody(response, 200, {
        id: judgement.target.resourceId,
        type: 'Microsoft.ApiManagement/service/backends',
        name: judgement.target.backendId,
        properties: { url: 'https://backend.contoso.example', protocol: 'http' },
      })
  }
}

function refuse(response: ServerResponse, refusal: ArmRefusal): void {
  if (refusal.gateway) response.setHeader('x-ms-failure-cause', 'gateway')
  if (refusal.retryAfter !== undefined) response.setHeader('Retry-After', refusal.retryAfter)
  if (refusal.status === 401) {
    response.setHeader(
      'WWW-Authenticate',
      `Bearer authorization_uri="https://login.microsoftonline.com/${TENANT_ID}", error="invalid_token", error_description="The authentication failed."`,
    )
  }
  sendBody(response, refusal.status, refusal.body)
}

function sendBody(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' }).end(JSON.stringify(body))
}
