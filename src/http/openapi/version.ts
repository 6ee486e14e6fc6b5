/** The version of package.json, which is not part of the bundle; a test keeps the two equal. */
export const VERSION = '0.1.0'
