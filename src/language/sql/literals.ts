/**
 * Lifts the integers of a plain statement out of its text, so that statements that differ in them share one plan.
 *
 * Clients that send `… WHERE aid = 17` and `… WHERE aid = 4711` as text would else pay for grammar, binding and planning
 * each time, some twenty times what running it costs. `17` becomes `$1` of the type that PostgreSQL gives such a literal
 * (int4, beyond its range int8), which binds exactly as the literal does.
 *
 * Only where it cannot change anything: one statement of plain ASCII that begins with SELECT, INSERT, UPDATE or DELETE,
 * has no word in which an integer means something else than its value (ORDER BY 1, numeric(10,2)), and an integer that
 * stands behind an operator, a comma or a parenthesis. Everything else stays as it is, and so does what does not bind.
 */
export interface LiftedText {
  readonly text: string
  readonly values: readonly (number | bigint)[]
}

const maxTextLength = 4096
const maxLiterals = 64
const maxInt4 = 2_147_483_647n
const maxInt8 = 9_223_372_036_854_775_807n

const beginnings = /^\s*(?:select|insert|update|delete)\s/i

/**
 * Words near which an integer is a position, a precision or a count, or that make a constant of what follows; and OR, whose
 * alternatives are planned by what they have in common.
 */
const excludedWords: ReadonlySet<string> = new Set(
  (
    'order group having distinct over partition window within limit offset fetch for returning with union intersect except ' +
    'cast interval numeric decimal dec varchar char character bpchar bit varying float real double precision timestamp ' +
    'timestamptz time timetz date collate array row any all some exists copy tablesample polylog_join or'
  ).split(' '),
)

const liftedBehind: ReadonlySet<string> = new Set([
  '=',
  '<',
  '>',
  '<=',
  '>=',
  '<>',
  '!=',
  '+',
  '-',
  '*',
  '/',
  '%',
  '(',
  ',',
])

/** Word, number, text, operator, parenthesis or comma, end; white space before each. Anything else ends the attempt. */
const token = /\s*(?:([A-Za-z_][\w]*)|(\d+)(?![\w.])|('(?:[^']|'')*')|([-+*/<>=!%]+)|([(),.])|(;\s*$))/y

export function liftLiterals(text: string): LiftedText | undefined {
  if (text.length > maxTextLength || !beginnings.test(text)) return undefined
  const values: (number | bigint)[] = []
  let lifted = ''
  let before = ''
  let copied = 0
  for (token.lastIndex = 0; token.lastIndex < text.length;) {
    const start = token.lastIndex
    const found = token.exec(text)
    if (found === null) {
      if (text.slice(start).trim() === '') break
      return undefined
    }
    const [whole, word, number, string, operator] = found
    if (word !== undefined && (excludedWords.has(word.toLowerCase()) || text[token.lastIndex] === "'")) return undefined
    if (operator !== undefined && (operator.includes('--') || operator.includes('/*'))) return undefined
    if (number !== undefined && liftedBehind.has(before)) {
      const value = valueOf(number)
      if (value === undefined || values.length === maxLiterals) return undefined
      values.push(value)
      lifted += `${text.slice(copied, token.lastIndex - number.length)}$${values.length}`
      copied = token.lastIndex
    }
    before = string === undefined ? whole.trim() : ''
  }
  return values.length === 0 ? undefined : { text: lifted + text.slice(copied), values }
}

function valueOf(digits: string): number | bigint | undefined {
  if (digits.length > 19) return undefined
  const value = BigInt(digits)
  if (value <= maxInt4) return Number(value)
  // With a minus before it, the grammar makes this one an int4.
  if (value === maxInt4 + 1n) return undefined
  return value <= maxInt8 ? value : undefined
}
