/** Where it stands in a path or body, the load generator puts a number that it has never used before. */
export const NUMBER = '(number)'
