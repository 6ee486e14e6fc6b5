/** Operational messages that do not belong to one request. The caller makes text from outside printable. */
export interface Log {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** The Functions host logs a worker's console under the category `Host.Function.Console`. */
export const consoleLog: Log = {
  info: (message) => console.info(message),
  warn: (message) => console.warn(message),
  error: (message) => console.error(message),
}
