import type { Variable } from './schema.ts'

/** Something wrong with one variable. The message names it and what it takes, and never holds its value. */
export interface ConfigProblem {
  readonly variable: string
  readonly message: string
}

/**
 * @param detail what is wrong, to follow the variable's name: "is out of range"
 * @param from the variable in which the text was found, where it is not the row's own but its `_FILE` form
 */
export function createProblem(row: Variable<unknown>, detail: string, from: string = row.env): ConfigProblem {
  const takes = from === row.env ? row.takes : `the path of a file that holds ${row.takes}`
  const sentences = [`${from} ${detail}.`, `It takes ${takes}.`, ...(row.hint === undefined ? [] : [row.hint])]
  return { variable: from, message: sentences.join(' ') }
}
