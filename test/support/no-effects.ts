import type { Effects } from '../../src/reconnect/alert-ports.ts'

/** No reconnect is watched. */
export const NO_EFFECTS: Effects = {
  notice: () => Promise.resolve({ kind: 'not_watched' }),
  judge: () => Promise.resolve({ kind: 'nothing_open' }),
}
