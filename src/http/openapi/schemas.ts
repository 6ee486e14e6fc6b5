import { MAX_AFTER_MS } from '../../domain/duration.ts'
import { EFFECT_VERDICTS } from '../../domain/effect.ts'
import { ACTIONS } from '../../domain/failure.ts'
import { OPERATION_STATES } from '../../domain/operation.ts'
import { MAX_PAUSE_REASON_CHARS } from '../../domain/pause.ts'
import { UNACTED_OUTCOMES } from '../../domain/unacted-delivery.ts'
import { COUNT, DURATION, object, pageOf, schemaRef, TEXT, TIME, type Json } from './parts.ts'

const RESOURCE_ID = { type: 'string', description: 'Resource id of a backend.' }

const CALLER = object(['kind', 'id'], {
  kind: { type: 'string', enum: ['app', 'user', 'webhook'] },
  id: { type: 'string', description: 'Client id of an application, object id of a person, name of a webhook.' },
  name: { type: 'string', description: 'For the record only; no decision reads it.' },
})

const TRIGGER = object(['kind'], {
  kind: { type: 'string', enum: ['http', 'webhook'] },
  webhook: TEXT,
  alertId: { type: 'string', description: "The sender's own id of the alert." },
  alertRule: TEXT,
})

const EFFECT = object(
  ['verdict'],
  {
    verdict: { type: 'string', enum: EFFECT_VERDICTS },
    since: { ...TIME, description: 'When the gateway reconnected.' },
    decideBy: { ...TIME, description: 'When the verdict is decided at the latest.' },
    decidedAt: TIME,
    evidence: {
      type: 'array',
      items: object(['kind', 'at'], { kind: TEXT, at: TIME, alertId: TEXT }),
      description: "The senders' later notifications that led to the verdict.",
    },
  },
  { description: 'Whether the reconnect helped.' },
)

const OPERATION = object(
  ['id', 'backend', 'state', 'requestedAt', 'updatedAt', 'caller', 'trigger', 'attempts'],
  {
    id: TEXT,
    backend: RESOURCE_ID,
    state: { type: 'string', enum: OPERATION_STATES, description: 'Every state but `accepted` is final.' },
    joined: { type: 'string', description: 'The operation whose reconnect covers this one.' },
    after: { ...DURATION, description: 'As it was asked for.' },
    due: { ...TIME, description: 'When the gateway reconnects.' },
    requestedAt: TIME,
    updatedAt: TIME,
    ambiguous: {
      type: 'boolean',
      description: 'It is not known whether, or how often, Azure Resource Manager accepted it.',
    },
    reason: { type: 'string', description: "The caller's reason: header `x-reconnect-reason`." },
    caller: schemaRef('Caller'),
    trigger: schemaRef('Trigger'),
    joinedCount: {
      ...COUNT,
      description: 'Alerts, and requests in a storm, that joined this operation without an operation of their own.',
    },
    attempts: { ...COUNT, description: 'POSTs that may have reached Azure Resource Manager.' },
    arm: object(
      ['status'],
      { status: { type: 'integer', format: 'int32' }, requestId: TEXT, correlationId: TEXT },
      { description: "Azure Resource Manager's answer." },
    ),
    error: schemaRef('ErrorDetail'),
    effect: schemaRef('Effect'),
  },
  { description: 'What was asked, and what became of it.' },
)

const ALERT_ANSWER = object(['backend', 'outcome'], {
  backend: { type: ['string', 'null'], description: 'Resource id; null where the alert selects none.' },
  outcome: {
    type: 'string',
    enum: ['accepted', 'resolved', 'unmatched', 'denied', 'invalid', 'paused', 'exhausted', 'dry-run', 'switched-off'],
  },
  operation: { type: 'string', description: 'The operation; several alerts may share one.' },
  reason: { type: 'string', description: 'Why the alert does not act.' },
})

const ERROR_DETAIL = object(['code', 'message'], {
  code: { type: 'string', description: 'For programs: stable.' },
  message: { type: 'string', description: 'For people: what happened and what to do next.' },
  target: { type: 'string', description: 'The part of the request that is wrong.' },
  details: {
    description: "Azure Resource Manager's details, as it sent them.",
    type: ['array', 'null'],
    items: {},
  },
})

const AFTER = {
  ...DURATION,
  description: `How long the gateway waits before it reconnects: a positive ISO 8601 duration of at most ${MAX_AFTER_MS / 3_600_000} hours. Azure documents a minimum of PT2M, which is also the default.`,
  // No `default`: Kiota would write the text into a TimeSpan.
  examples: ['PT5M'],
}

const HEALTH = object(['status'], {
  status: { type: 'string', enum: ['live', 'ready', 'unready'] },
  checks: {
    type: 'array',
    items: object(['name', 'status'], { name: TEXT, status: { type: 'string', enum: ['pass', 'fail'] } }),
  },
  error: schemaRef('ErrorDetail'),
})

const SCHEDULED = object(['operation', 'due'], { operation: TEXT, due: TIME })

const BACKEND_STATUS = object(['id', 'actions'], {
  id: RESOURCE_ID,
  actions: { type: 'array', items: schemaRef('Action'), description: 'What the caller may do with it.' },
  scheduled: { ...SCHEDULED, description: 'The reconnect that is due next. Needs `read`.' },
  inFlight: object(
    ['operation'],
    { operation: TEXT },
    { description: 'A request that waits for Azure Resource Manager.' },
  ),
  paused: schemaRef('Pause'),
  last: schemaRef('Operation'),
})

const DELIVERY = object(['at', 'outcome'], {
  at: TIME,
  outcome: {
    type: 'string',
    enum: UNACTED_OUTCOMES,
  },
  reason: TEXT,
  alertRule: TEXT,
  alertId: TEXT,
  backend: RESOURCE_ID,
  omitted: { ...COUNT, description: 'Entries that were left out before this one, in a storm.' },
})

const NEW_PAUSE = {
  scope: { type: 'string', description: 'From a subscription down to one backend; it covers everything below it.' },
  webhook: { type: 'string', description: 'Only alerts of this webhook. Absent: of all webhooks.' },
  until: { ...TIME, description: 'When it ends by itself: at most 24 hours ahead.' },
  reason: { type: 'string', minLength: 1, maxLength: MAX_PAUSE_REASON_CHARS, description: 'Printable characters.' },
}

/** Bodies of requests and answers, for `components`. A name is left out of the document where nothing refers to it. */
export const SCHEMAS: Json = {
  ReconnectRequest: object(
    [],
    { properties: schemaRef('ReconnectProperties') },
    {
      description:
        'Other members are ignored, as Azure Resource Manager ignores them. A JSON `null` in place of the object, or of a member, counts as absent.',
    },
  ),
  ReconnectProperties: object([], { after: AFTER }),
  Operation: OPERATION,
  Operations: pageOf(schemaRef('Operation')),
  Caller: CALLER,
  Trigger: TRIGGER,
  Effect: EFFECT,
  AlertAnswer: ALERT_ANSWER,
  AlertAnswers: object(['alerts'], {
    alerts: { type: 'array', items: schemaRef('AlertAnswer'), description: 'One entry per alert, in order.' },
  }),
  AlertsRefused: object(['error', 'alerts'], {
    error: schemaRef('ErrorDetail'),
    alerts: { type: 'array', items: schemaRef('AlertAnswer') },
  }),
  ErrorDetail: ERROR_DETAIL,
  ErrorResponse: object(
    ['error'],
    { error: schemaRef('ErrorDetail') },
    { description: "Azure Resource Manager's envelope." },
  ),
  Health: HEALTH,
  Action: { type: 'string', enum: ACTIONS },
  Grant: object(['scope', 'actions'], { scope: TEXT, actions: { type: 'array', items: schemaRef('Action') } }),
  Grants: object(['caller', 'principals', 'grants'], {
    caller: schemaRef('Caller'),
    principals: { type: 'array', items: TEXT, description: 'By which grants know the caller.' },
    grants: { type: 'array', items: schemaRef('Grant'), description: 'Only what applies to this caller.' },
  }),
  BackendStatus: BACKEND_STATUS,
  Backends: pageOf(schemaRef('BackendStatus')),
  Delivery: DELIVERY,
  Deliveries: pageOf(schemaRef('Delivery')),
  NewPause: object(['scope', 'until', 'reason'], NEW_PAUSE),
  Pause: object(['id', 'scope', 'until', 'reason', 'createdAt', 'createdBy'], {
    id: TEXT,
    ...NEW_PAUSE,
    createdAt: TIME,
    createdBy: schemaRef('Caller'),
  }),
  Pauses: pageOf(schemaRef('Pause')),
}
