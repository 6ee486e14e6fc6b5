import { OPERATION_STATES } from '../domain/operation.ts'

/** The bodies of answers, for the OpenAPI description. */
export const TIME = { type: 'string', format: 'date-time' }

export const OPERATION = {
  type: 'object',
  required: ['id', 'backend', 'state', 'requestedAt', 'updatedAt', 'caller', 'trigger', 'attempts'],
  properties: {
    id: { type: 'string' },
    backend: { type: 'string', description: 'Resource id.' },
    state: { type: 'string', enum: OPERATION_STATES },
    joined: { type: 'string', description: 'The operation whose reconnect covers this one.' },
    after: { type: 'string', format: 'duration' },
    due: { ...TIME, description: 'When the gateway reconnects.' },
    requestedAt: TIME,
    updatedAt: TIME,
    ambiguous: {
      type: 'boolean',
      description: 'It is not known whether, or how often, Azure Resource Manager accepted it.',
    },
    caller: {
      type: 'object',
      required: ['kind', 'id'],
      properties: { kind: { type: 'string' }, id: { type: 'string' }, name: { type: 'string' } },
    },
    trigger: {
      type: 'object',
      required: ['kind'],
      properties: {
        kind: { type: 'string', enum: ['http', 'webhook'] },
        webhook: { type: 'string' },
        alertId: { type: 'string' },
        alertRule: { type: 'string' },
      },
    },
    joinedCount: { type: 'integer', description: 'Alerts that joined this operation without one of their own.' },
    attempts: { type: 'integer' },
    arm: {
      type: 'object',
      properties: { status: { type: 'integer' }, requestId: { type: 'string' }, correlationId: { type: 'string' } },
    },
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: { code: { type: 'string' }, message: { type: 'string' } },
    },
  },
}

export const ALERT_ANSWERS = {
  type: 'object',
  required: ['alerts'],
  properties: {
    alerts: {
      type: 'array',
      items: {
        type: 'object',
        required: ['backend', 'outcome'],
        properties: {
          backend: { type: ['string', 'null'], description: 'Resource id; null where the alert selects none.' },
          outcome: {
            type: 'string',
            enum: ['accepted', 'resolved', 'unmatched', 'denied', 'invalid', 'dry-run', 'switched-off'],
          },
          operation: { type: 'string', description: 'The operation; several alerts may share one.' },
          reason: { type: 'string' },
        },
      },
    },
  },
}

const ERROR_DETAIL = {
  type: 'object',
  required: ['code', 'message'],
  properties: {
    code: { type: 'string' },
    message: { type: 'string' },
    target: { type: 'string' },
    details: { description: "ARM's details, as ARM sent them.", type: ['array', 'null'], items: {} },
  },
}
export const ERROR_RESPONSE = { type: 'object', required: ['error'], properties: { error: ERROR_DETAIL } }
