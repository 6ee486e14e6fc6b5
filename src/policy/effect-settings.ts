import { parseIsoDuration } from '../domain/duration.ts'
import type { EffectSettings } from '../domain/effect.ts'
import type { Webhook } from './policy-document.ts'

type Defaults = {
  readonly confirmWithin: string
  readonly resolveLag: string
  readonly settle: string
  readonly confirms: boolean
} & Pick<EffectSettings, 'tells' | 'namesAlerts' | 'firingTime'>

/** Alertmanager and Grafana list what still fires under its first start. The others tell of each event when it happened. */
const LISTS = {
  confirmWithin: 'PT30M',
  resolveLag: 'PT0S',
  settle: 'PT5M',
  confirms: true,
  tells: true,
  namesAlerts: true,
} as const

/** Contract, section 12. Azure Monitor says `Resolved` when a rule has been healthy for some time: its `resolveLag`. */
const DEFAULTS: Readonly<Record<Webhook['format'], Defaults>> = {
  'azure-monitor': {
    confirmWithin: 'PT45M',
    resolveLag: 'PT15M',
    settle: 'PT10M',
    confirms: true,
    tells: true,
    namesAlerts: true,
    firingTime: 'sender',
  },
  alertmanager: { ...LISTS, firingTime: 'receipt' },
  grafana: { ...LISTS, firingTime: 'receipt' },
  'event-grid': {
    confirmWithin: 'PT45M',
    resolveLag: 'PT0S',
    settle: 'PT10M',
    confirms: true,
    tells: true,
    namesAlerts: false,
    firingTime: 'sender',
  },
  // It asks for reconnects, and says nothing of how a backend is.
  generic: {
    confirmWithin: 'PT0S',
    resolveLag: 'PT0S',
    settle: 'PT0S',
    confirms: false,
    tells: false,
    namesAlerts: false,
    firingTime: 'receipt',
  },
}

/** How later notifications of a webhook are read: its `effect`, else the defaults of its format. Pure. */
export function effectSettingsOf({ format, effect = {} }: Webhook): EffectSettings {
  const { tells, namesAlerts, firingTime, ...defaults } = DEFAULTS[format]
  const { confirmWithin, resolveLag, settle, confirms } = { ...defaults, ...effect }
  return {
    confirmWithinMs: msOf(confirmWithin),
    resolveLagMs: msOf(resolveLag),
    settleMs: msOf(settle),
    confirms: confirms && tells,
    tells,
    namesAlerts,
    firingTime,
  }
}

/** With less time, a reconnect that helps could be judged before this sender can say so. */
export function isConfirmWithinShort({ tells, confirmWithinMs, resolveLagMs, settleMs }: EffectSettings): boolean {
  return tells && confirmWithinMs < resolveLagMs + settleMs
}

/** The policy's durations were checked when it was read. */
function msOf(text: string): number {
  const duration = parseIsoDuration(text)
  if (!duration.ok) throw new TypeError(`'${text}' is no duration`)
  return duration.value.ms
}
