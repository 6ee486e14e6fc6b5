/** `RECONNECT_STORAGE_PREFIX` (contract, section 8). */
export const STORAGE_PREFIX = /^[a-z][a-z0-9]{0,19}$/

/**
 * The prefix of the queues, for the registration of the functions: it comes before the configuration is read as a whole. With a wrong value
 * the app answers nothing but `ConfigurationInvalid`; until then it must not take messages of another app's queue.
 */
export function queuePrefixOf(env: Readonly<Record<string, string | undefined>>): string {
  const text = env['RECONNECT_STORAGE_PREFIX']?.trim() ?? ''
  if (text === '' || STORAGE_PREFIX.test(text)) return text
  return 'invalidprefix'
}

export function loadQueuePrefix(): string {
  return queuePrefixOf(process.env)
}
