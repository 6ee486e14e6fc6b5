/** `RECONNECT_MODE` (contract, section 8). */
export type Mode = 'on' | 'dry-run' | 'off'
