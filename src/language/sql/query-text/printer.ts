/**
 * Text with PostgreSQL's line breaks: what `ruleutils.c` keeps in its context while it writes a stored query.
 *
 * A keyword begins a line of its own, whose indentation is that of the query around it. `pretty` is what psql asks for: it
 * leaves parentheses out where nothing depends on them; line breaks are the same with and without.
 */

/** Of a query's clauses, of joins within FROM, of what stands in a list. */
export const indent: { readonly query: number; readonly join: number; readonly list: number } = {
  query: 8,
  join: 4,
  list: 4,
}
/** Deeper than this a level is worth a quarter, and nothing is indented by more than this again. */
const maxIndent = 40

export class Printer {
  readonly isPretty: boolean
  level = 0
  #text = ''

  constructor(isPretty: boolean) {
    this.isPretty = isPretty
  }

  get text(): string {
    return this.#text
  }

  put(text: string): void {
    this.#text += text
  }

  /** A keyword at the beginning of a line. The level changes by `before` for it, and by `after` from then on. */
  line(keyword: string, before: number, after: number, plus: number): void {
    this.level += before
    const deep = this.level < maxIndent ? this.level : maxIndent + Math.trunc((this.level - maxIndent) / 4)
    const amount = (this.level < maxIndent ? Math.max(deep, 0) : deep % maxIndent) + plus
    this.trimEnd()
    this.#text += `\n${' '.repeat(amount)}${keyword}`
    this.level = Math.max(0, this.level + after)
  }

  /** A clause of the query that is being written. */
  clause(keyword: string, plus: number): void {
    this.line(keyword, -indent.query, indent.query, plus)
  }

  trimEnd(): void {
    this.#text = this.#text.replace(/ +$/, '')
  }

  /** What `print` writes, apart from the text so far. */
  aside(print: () => void): string {
    const outer = this.#text
    this.#text = ''
    print()
    const text = this.#text
    this.#text = outer
    return text
  }

  /** In parentheses unless the text is to be pretty. */
  wrapped(print: () => void): void {
    if (!this.isPretty) this.put('(')
    print()
    if (!this.isPretty) this.put(')')
  }
}
