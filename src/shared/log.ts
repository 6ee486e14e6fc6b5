/** Operational messages that belong to no single request. What comes from outside in them has been made printable. */
export interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** The Functions host collects a worker's console under the category `Host.Function.Console`. */
export const consoleLog: Log = {
  info: (message) => console.info(message),
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
}
