/** Patterns as texts, or intervals of them in the order of their code points, which is that of their keys. */

/** What a pattern of LIKE begins with, as far as it stands for itself. */
export function literalPrefix(pattern: string): string {
  let prefix = ''
  for (let at = 0; at < pattern.length; at++) {
    let character = pattern[at]!
    if (character === '%' || character === '_') break
    if (character === '\\') {
      // A pattern that ends with it is an error of its own.
      if (at + 1 === pattern.length) return ''
      character = pattern[++at]!
    }
    prefix += character
  }
  return prefix.isWellFormed() ? prefix : ''
}

/** What stands for itself alone between both ends, as psql writes the names that it is asked for. */
const wholeLiteral = /^\^(?:\(([^\\^$.*+?|()[\]{}]*)\)|([^\\^$.*+?|()[\]{}]*))\$$/

/** The one text that a regular expression finds; undefined where there are others. */
export function literalMatch(pattern: string): string | undefined {
  const found = wholeLiteral.exec(pattern)
  const literal = found?.[1] ?? found?.[2]
  return literal?.isWellFormed() === true ? literal : undefined
}

const lastCodePoint = 0x10ffff
const [firstSurrogate, behindSurrogates] = [0xd800, 0xe000]

/** The first text behind all that begin with this one; undefined where there is none. */
export function textBehind(prefix: string): string | undefined {
  const points = Array.from(prefix, (one) => one.codePointAt(0)!)
  while (points.at(-1) === lastCodePoint) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  return String.fromCodePoint(...points, last + 1 === firstSurrogate ? behindSurrogates : last + 1)
}
