import type { IncomingMessage, ServerResponse } from 'node:http'
import { refusalOfStatus, throttled, type ArmRefusal } from './arm-errors.ts'
import type { Fault } from './faults.ts'
import { reset, sendHtml } from './http-helpers.ts'

/** What a fault does to a request, in the order in which ARM asks: let it have its effect? wait? then what instead of the answer? */
export interface ArmFaultEffect {
  /** The request is judged and has its effect before the fault answers. */
  readonly appliesFirst: boolean
  readonly delayMs: number
  /** Absent: the ordinary answer follows. */
  readonly answer?: FaultAnswer
}

export type FaultAnswer =
  | { readonly kind: 'refusal'; readonly refusal: ArmRefusal }
  | { readonly kind: 'raw'; write(request: IncomingMessage, response: ServerResponse): void }

export const NO_FAULT: ArmFaultEffect = { appliesFirst: false, delayMs: 0 }

/** A place that no client is ever sent to in earnest: a request that arrives below it shows that a redirect was followed. */
export const REDIRECT_PREFIX = '/followed-redirect'

export function toArmFaultEffect(fault: Fault, scope: string, origin: string): ArmFaultEffect {
  const appliesFirst = fault.tookEffect === true || fault.kind === 'reset-after'
  switch (fault.kind) {
    case 'slow':
      return { appliesFirst: false, delayMs: fault.delayMs ?? 1_000 }
    case 'hang':
      return raw(appliesFirst, () => {})
    case 'reset-before':
    case 'reset-after':
      return raw(appliesFirst, (request) => reset(request))
    case 'html-200':
    case 'html-202':
    case '502':
      return raw(appliesFirst, (_, response) => sendHtml(response, Number(fault.kind.slice(-3))))
    case 'redirect-302':
    case 'redirect-307':
      return raw(appliesFirst, (request, response) => {
        const to = fault.to === 'other' ? origin.replace('127.0.0.1', 'localhost') : origin
        response
          .writeHead(Number(fault.kind.slice(-3)), {
            location: `${to}${REDIRECT_PREFIX}${request.url ?? ''}`,
            'content-length': '0',
          })
          .end()
      })
    default:
      return {
        appliesFirst,
        delayMs: 0,
        answer: {
          kind: 'refusal',
          refusal: withChanges(refusalOfStatus(Number(fault.kind), scope, fault.retryAfter), fault),
        },
      }
  }
}

/** `write-budget`: the ordinary answer while there is something left, 429 once there is not. */
export function toBudgetEffect(retryAfterSeconds: number | undefined): ArmFaultEffect {
  if (retryAfterSeconds === undefined) return NO_FAULT
  return { ...NO_FAULT, answer: { kind: 'refusal', refusal: throttled(String(retryAfterSeconds)) } }
}

function raw(
  appliesFirst: boolean,
  write: (request: IncomingMessage, response: ServerResponse) => void,
): ArmFaultEffect {
  return { appliesFirst, delayMs: 0, answer: { kind: 'raw', write } }
}

function withChanges(refusal: ArmRefusal, fault: Fault): ArmRefusal {
  const { code, message, details } = fault
  const error = {
    ...refusal.body.error,
    ...(code !== undefined && { code }),
    ...(message !== undefined && { message }),
    ...(details !== undefined && { details }),
  }
  return { ...refusal, body: { error } }
}
