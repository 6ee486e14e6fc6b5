/** Where it stands in a path, the load generator puts a number that it has never used before. */
export const NUMBER = '(number)'
