/**
 * A planted bug: one text of one file, replaced by another that a person could have written by mistake. Some test must
 * notice; where none does, the next real one like it goes unnoticed too, and the missing test is what is to be written.
 */
export interface Mutation {
  /** Unique, in words: what is wrong then. */
  readonly name: string
  /** From the repository's root. */
  readonly file: string
  /** Found exactly once in the file: where it is not, the code has changed and the mutation has to follow. */
  readonly search: string
  readonly replace: string
  /** Test files or folders, of which one must fail, within two minutes. */
  readonly tests: readonly string[]
}

export type NewMutation = readonly [name: string, search: string, replace: string]

/** Mutations of one file that the same tests are to notice. */
export function mutationsOf(file: string, tests: readonly string[], list: readonly NewMutation[]): Mutation[] {
  return list.map(([name, search, replace]) => ({ name, file, search, replace, tests }))
}

/** The file's text with the bug in it; an `Error` where the place is not there, or not the only one. */
export function planted({ name, file, search, replace }: Mutation, text: string): string {
  const at = text.indexOf(search)
  if (at < 0) throw new Error(`${name}: ${file} has no ${JSON.stringify(search)}`)
  if (text.includes(search, at + 1)) throw new Error(`${name}: ${file} has ${JSON.stringify(search)} more than once`)
  return text.slice(0, at) + replace + text.slice(at + search.length)
}
