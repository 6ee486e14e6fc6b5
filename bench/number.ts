/** The load generator replaces this in a path or body by a number that it has not used before. */
export const NUMBER = '(number)'
