/** Whether a reconnect helped (contract, section 12). */
export const EFFECT_VERDICTS = [
  'pending',
  'recovered',
  'recovered-early',
  'not-recovered',
  'unknown',
  'superseded',
] as const
export type EffectVerdict = (typeof EFFECT_VERDICTS)[number]
