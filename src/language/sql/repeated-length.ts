/**
 * How long a text is for the grammar, whose tree repeats some of it: `SET (a, b, c) = (SELECT …)` has the query once for each
 * column, and one within the other is a power of how deep they are nested. 12 KB of 800 columns took four seconds.
 *
 *   UPDATE t SET (a, b, c) = (SELECT …)   is as long as   UPDATE t SET (a, b, c) = (SELECT …)(SELECT …)(SELECT …)
 *
 * Invariant: never less than the tree has.
 */
import { PolylogError } from '../../base/errors.ts'
import { scanTokens, type Token } from './plpgsql/tokens.ts'

/** Most texts have nothing like it, and are not looked through: a list that may be of columns to set, and what it is set from. */
const mayBegin = /(?:\bset|,)\s*(?:\(|--|\/\*)/i
const mayRepeat = /\)\s*(?:=|--|\/\*)/

export function repeatedLength(text: string): number {
  if (!mayRepeat.test(text) || !mayBegin.test(text) || !/\bset\b/i.test(text)) return text.length
  try {
    return lengthOf(scanTokens(text))
  } catch (error) {
    if (error instanceof PolylogError) return longestOf(text)
    throw error
  }
}

/** Within a pair of parentheses, or around all. */
interface Level {
  length: number
  commas: number
  /** What is being repeated: how often, and where it began. */
  times: number
  from: number
  /** It may be a list of columns to set. */
  readonly isList: boolean
}

function newLevel(isList: boolean): Level {
  return { length: 0, commas: 0, times: 1, from: 0, isList }
}

function lengthOf(tokens: readonly Token[]): number {
  const levels = [newLevel(false)]
  let before: Token | undefined
  let closed: Level | undefined
  for (const token of tokens) {
    const level = levels.at(-1)!
    level.length += token.end - (before?.end ?? 0)
    if (token.text === '(') levels.push(newLevel(before?.word === 'set' || before?.text === ','))
    else if (token.text === ')' && levels.length > 1) closed = close(levels)
    else if (token.text === '=' && before?.text === ')' && closed?.isList === true) {
      Object.assign(level, { times: closed.commas + 1, from: level.length })
    } else if (endsSource(token)) {
      endRepetition(level)
      if (token.text === ',') level.commas++
    }
    before = token
  }
  while (levels.length > 1) close(levels)
  endRepetition(levels[0]!)
  return levels[0]!.length
}

function close(levels: Level[]): Level {
  const level = levels.pop()!
  endRepetition(level)
  levels.at(-1)!.length += level.length
  return level
}

function endRepetition(level: Level): void {
  level.length += (level.times - 1) * (level.length - level.from)
  level.times = 1
}

/** No expression goes on behind it, where it is not in parentheses of its own. */
function endsSource({ text, word }: Token): boolean {
  return text === ',' || text === ';' || word === 'where' || word === 'returning'
}

/** Of a text that only the grammar can take apart, or tell what is wrong with. */
function longestOf(text: string): number {
  const places = text.match(new RegExp(mayRepeat, 'g'))!.length
  const columns = text.split(',').length
  return text.length * columns ** places
}
