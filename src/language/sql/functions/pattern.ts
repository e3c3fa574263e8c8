/**
 * LIKE, and regular expressions.
 *
 * LIKE is matched by hand: a `%` remembers one place to come back to, so the work is at most length × pattern. Regular
 * expressions run in linear time by re2js; what POSIX has and it has not (back references, look-around) is an error.
 */
import { RE2JS, RE2JSException } from 're2js'
import { failure, notBuilt } from '../failure.ts'
import { RecentMap } from '../recent-map.ts'

/** In units. Each `%` may be tried at every place; a prefix alone is looked at once. */
export function likeCost(value: string, pattern: string): number {
  const wild = pattern.search(/[%_\\]/)
  if (wild < 0 || (wild === pattern.length - 1 && pattern.endsWith('%'))) return pattern.length
  return value.length * (20 + 3 * pattern.length)
}

/** In units, per character of a pattern; a class of all languages' letters takes as long as ten. */
const compileUnits = 12_000
const classCharacters = 10
const namedClass = /\\[wWpP]|\[:/g

/**
 * In units. An automaton of the pattern's size steps through the text: mostly a few nanoseconds for each character, and 15
 * for each of its states at worst. Counted repetition multiplies states.
 */
export function regexCost(value: string, pattern: string): number {
  let states = pattern.length
  if (pattern.includes('{')) {
    for (const [, least, most] of pattern.matchAll(/\{(\d{1,4})(?:,(\d{0,4}))?\}/g)) {
      states *= Math.max(1, Number(least), Number(most ?? 0))
      if (states > maxStates) break
    }
  }
  const known = regexes.get(`/${pattern}`) !== undefined || regexes.get(`i/${pattern}`) !== undefined
  const classes = known ? 0 : (pattern.match(namedClass)?.length ?? 0)
  return (
    (known ? 0 : (states + classes * classCharacters) * compileUnits) +
    value.length * (10 + 6 * Math.min(states, maxStates))
  )
}

const maxStates = 1_000_000

interface LikeStep {
  /** One character to match, or undefined: any one, or any number. */
  readonly character: string | undefined
  readonly many: boolean
}

export type Matcher = (text: string) => boolean

const likeMatchers = new RecentMap<string, Matcher>(64 * 1024)

export function likeMatcher(pattern: string, escape: string, ignoreCase: boolean): Matcher {
  const key = `${ignoreCase ? 'i' : 's'}${escape.length}${escape}${pattern}`
  const known = likeMatchers.get(key)
  if (known !== undefined) return known
  const matcher = makeLikeMatcher(ignoreCase ? pattern.toLowerCase() : pattern, escape, ignoreCase)
  likeMatchers.set(key, matcher, key.length + 16)
  return matcher
}

function makeLikeMatcher(pattern: string, escape: string, ignoreCase: boolean): Matcher {
  const steps = likeSteps(pattern, escape)
  const wild = steps.findIndex((step) => step.character === undefined)
  if (wild < 0) {
    const whole = steps.map((step) => step.character).join('')
    return ignoreCase ? (text) => text.toLowerCase() === whole : (text) => text === whole
  }
  if (!ignoreCase && wild === steps.length - 1 && steps[wild]!.many) {
    const prefix = literalPrefix(pattern, escape)
    return (text) => text.startsWith(prefix)
  }
  const parts = literalParts(steps)
  if (parts !== undefined) {
    return ignoreCase ? (text) => matchParts(parts, text.toLowerCase()) : (text) => matchParts(parts, text)
  }
  return (text) => matchSteps(steps, [...(ignoreCase ? text.toLowerCase() : text)])
}

function likeSteps(pattern: string, escape: string): LikeStep[] {
  const steps: LikeStep[] = []
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (escape !== '' && character === escape) {
      const next = characters[++i]
      if (next === undefined) throw failure('22025', 'LIKE pattern must not end with escape character')
      steps.push({ character: next, many: false })
    } else if (character === '%') {
      if (steps[steps.length - 1]?.many !== true) steps.push({ character: undefined, many: true })
    } else {
      steps.push({ character: character === '_' ? undefined : character, many: false })
    }
  }
  return steps
}

/** The texts between one `%` and the next; undefined where a `_` is among them. */
function literalParts(steps: readonly LikeStep[]): readonly string[] | undefined {
  const parts = ['']
  for (const { character, many } of steps) {
    if (many) parts.push('')
    else if (character === undefined) return undefined
    else parts[parts.length - 1] += character
  }
  return parts
}

/** The first and the last part where they must be, each of the others as early as it can be. */
function matchParts(parts: readonly string[], text: string): boolean {
  const first = parts[0]!
  const last = parts.at(-1)!
  const end = text.length - last.length
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  for (let i = 1; i < parts.length - 1; i++) {
    const found = text.indexOf(parts[i]!, at)
    if (found < 0) return false
    at = found + parts[i]!.length
  }
  return at <= end
}

function matchSteps(steps: readonly LikeStep[], text: readonly string[]): boolean {
  let step = 0
  let at = 0
  let retryStep = -1
  let retryAt = 0
  while (at < text.length) {
    const current = steps[step]
    if (current?.many === true) {
      retryStep = ++step
      retryAt = at
    } else if (current !== undefined && (current.character === undefined || current.character === text[at])) {
      step++
      at++
    } else if (retryStep >= 0) {
      step = retryStep
      at = ++retryAt
    } else {
      return false
    }
  }
  while (steps[step]?.many === true) step++
  return step === steps.length
}

/** What every match begins with: lets an index narrow `LIKE 'abc%'`. */
function literalPrefix(pattern: string, escape = '\\'): string {
  let prefix = ''
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!
    if (character === '%' || character === '_') break
    if (escape !== '' && character === escape) {
      if (i + 1 >= pattern.length) break
      prefix += pattern[++i]
    } else {
      prefix += character
    }
  }
  return prefix
}

/** SIMILAR TO as a regular expression: `%` and `_` as in LIKE, `| * + ? () [] {}` as in POSIX. */
export function similarToRegex(pattern: string, escape: string): string {
  let out = ''
  let inBrackets = false
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i]!
    if (escape !== '' && character === escape) {
      const next = pattern[++i]
      if (next === undefined) throw failure('22025', 'LIKE pattern must not end with escape character')
      out += `\\${next}`
    } else if (inBrackets) {
      if (character === ']') inBrackets = false
      out += character === '\\' ? '\\\\' : character
    } else if (character === '[') {
      inBrackets = true
      out += character
    } else if (character === '%') out += '.*'
    else if (character === '_') out += '.'
    else if (character === '(') out += '(?:'
    else out += '^$.\\'.includes(character) ? `\\${character}` : character
  }
  return `^(?:${out})$`
}

/**
 * substring(value from pattern for escape): what lies between the two marks of escape and `"`, or all where there is
 * none; the part before it is as short as can be. Null where the pattern does not match the whole value.
 */
export function substringSimilar(value: string, pattern: string, escape: string): string | null {
  if ([...escape].length > 1) throw failure('22025', 'invalid escape string')
  const parts = escape === '' ? [pattern] : splitAtMarks(pattern, escape)
  if (parts.length > 3) {
    const message = 'SQL regular expression may not contain more than two escape-double-quote separators'
    throw failure('2200C', message)
  }
  const [before = '', inside, behind = ''] = parts.map((part) => {
    return similarToRegex(part, escape).slice('^(?:'.length, -')$'.length)
  })
  const shortest = before.replaceAll('.*', '.*?')
  const source = inside === undefined ? `^(${before})$` : `^(?:${shortest})(${inside})(?:${behind})$`
  const matcher = compileRegex(source).matcher(value)
  return matcher.find() ? matcher.group(1) : null
}

function splitAtMarks(pattern: string, escape: string): string[] {
  const parts = ['']
  for (let i = 0; i < pattern.length; i++) {
    const isEscape = pattern[i] === escape
    if (isEscape && pattern[i + 1] === '"') parts.push('')
    else parts[parts.length - 1] += isEscape ? pattern[i]! + (pattern[i + 1] ?? '') : pattern[i]!
    if (isEscape) i++
  }
  return parts
}

const regexes = new RecentMap<string, RE2JS>(64 * 1024)

/** A regular expression of POSIX flavour. Flags: i, c, n, s, x? as PostgreSQL's; g is the caller's. */
export function compileRegex(pattern: string, flags = ''): RE2JS {
  const key = `${flags}/${pattern}`
  const known = regexes.get(key)
  if (known !== undefined) return known
  const regex = makeRegex(pattern, flags)
  regexes.set(key, regex, key.length + 64)
  return regex
}

function makeRegex(pattern: string, flags: string): RE2JS {
  let options = RE2JS.DOTALL
  let source = pattern
  for (const flag of flags) {
    if (flag === 'i') options |= RE2JS.CASE_INSENSITIVE
    else if (flag === 'c') options &= ~RE2JS.CASE_INSENSITIVE
    else if (flag === 'n' || flag === 'm') options = (options & ~RE2JS.DOTALL) | RE2JS.MULTILINE
    else if (flag === 'p') options &= ~RE2JS.DOTALL
    else if (flag === 'w') options |= RE2JS.MULTILINE
    else if (flag === 'q') source = RE2JS.quote(pattern)
    else if ('xbet'.includes(flag)) throw notBuilt(`the regular expression option "${flag}"`)
    else if (flag !== 'g' && flag !== 's') {
      throw failure('22023', `invalid regular expression option: "${flag}"`)
    }
  }
  const embedded = /^\(\?([a-z]+)\)/.exec(source)
  if (embedded !== null) return makeRegex(source.slice(embedded[0].length), flags + embedded[1]!.replaceAll('q', ''))
  if (source.startsWith('***:')) source = source.slice(4)
  else if (source.startsWith('***=')) source = RE2JS.quote(source.slice(4))
  if (/(?<!\\)(?:\\\\)*\(\?<?[=!]/.test(source)) throw notBuilt('look-around in a regular expression')
  if (/(?<!\\)(?:\\\\)*\\[1-9]/.test(source)) throw notBuilt('a back reference in a regular expression')
  try {
    return RE2JS.compile(translateEscapes(source), options)
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    throw failure('2201B', `invalid regular expression: ${error.message}`)
  }
}

const wordCharacters = '\\p{L}\\p{N}_'

/** Classes of all languages' letters; the engine's own know those of ASCII. */
const classes: Readonly<Record<string, string>> = {
  '[:alpha:]': '\\p{L}',
  '[:alnum:]': '\\p{L}\\p{N}',
  '[:upper:]': '\\p{Lu}',
  '[:lower:]': '\\p{Ll}',
}

/** `\m \M \y` are word borders in PostgreSQL and unknown elsewhere; they are borders of either side here. */
const escapes: Readonly<Record<string, string>> = {
  y: '\\b',
  m: '\\b',
  M: '\\b',
  Y: '\\B',
  Z: '$',
  w: `[${wordCharacters}]`,
  W: `[^${wordCharacters}]`,
}

function translateEscapes(source: string): string {
  let out = ''
  let isInBrackets = false
  for (const [part] of source.matchAll(/\\.|\[:[a-z]+:\]|\[\^?\]?|\]|[^\\[\]]+|\\/gs)) {
    if (isInBrackets) {
      const named = part.startsWith('[') ? classes[part] : part === '\\w' ? wordCharacters : undefined
      if (part === ']') isInBrackets = false
      out += named ?? part
    } else {
      if (part.startsWith('[') && !part.endsWith(':]')) isInBrackets = true
      const letter = part.startsWith('\\') ? part[1] : undefined
      out += (letter !== undefined && Object.hasOwn(escapes, letter) ? escapes[letter] : undefined) ?? part
    }
  }
  return out
}
