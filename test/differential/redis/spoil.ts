/** What is wrong with a request, or about to be: wrong arguments, arguments of other commands, damaged bytes. */
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import type { Vocabulary } from './vocabulary.ts'

/** Wrong arity, options that do not belong, arguments in the wrong order. */
export function spoilArguments(args: Buffer[], vocabulary: Vocabulary): void {
  const { random } = vocabulary
  const at = random.between(1, args.length)
  const kind = random.below(5)
  if (kind === 0) args.splice(at, 1)
  else if (kind === 1) args.splice(at, 0, vocabulary.stray())
  else if (kind === 2) args.push(vocabulary.stray())
  else if (kind === 3 && at < args.length) args[at] = vocabulary.stray()
  else if (at + 1 < args.length) [args[at], args[at + 1]] = [args[at + 1]!, args[at]!]
}

/** `<any>` and `<lex>` are not among them: members of `<lex>` must keep one score. */
const mixedSlots =
  'key string list set hash zset value field item number integer index count float score bound lexbound pattern start ' +
  'database lists sets zsets'

/** Any arguments at all. */
export function mixArguments(name: string, vocabulary: Vocabulary): Buffer[] {
  const { random } = vocabulary
  const args: Buffer[] = [Buffer.from(name)]
  const key = vocabulary.choose(vocabulary.pick(['string', 'list', 'set', 'hash', 'zset', 'key']))
  if (random.chance(0.95)) args.push(...key)
  for (let left = random.below(6); left > 0; left--) {
    if (random.chance(0.35)) args.push(vocabulary.stray())
    else args.push(...vocabulary.choose(vocabulary.pick(mixedSlots.split(' '))))
  }
  return args
}

const brieflyMs = 100_000

/** Whether the command may give a key a time to live that could be over while the program still runs. */
export function livesBriefly(args: readonly Buffer[]): boolean {
  const words = args.map((arg) => arg.toString('latin1').toLowerCase())
  const isBrief = (at: number, unitMs: number): boolean => {
    const ms = Number(words[at]) * unitMs
    return ms > 0 && ms < brieflyMs
  }
  if (words[0] === 'pexpire' || words[0] === 'psetex') return isBrief(2, 1)
  if (words[0] === 'expire' || words[0] === 'setex') return isBrief(2, 1000)
  return words.some((word, at) => (word === 'px' && isBrief(at + 1, 1)) || (word === 'ex' && isBrief(at + 1, 1000)))
}

const telling = ['\r', '\n', '\r\n', '*', '$', '0', '1', '9', '-', '+', ' ', '"', "'", '\\', '\xff', ':', 'P']

/** One to three bytes are taken out, put in, or are others. There are no zero bytes: see `known-differences.ts`. */
export function damageBytes(bytes: Buffer, random: SeededRandom): Buffer {
  let text = bytes.toString('latin1').replaceAll('\0', '0')
  for (let left = random.between(1, 3); left > 0; left--) {
    const at = random.below(text.length)
    const removed = random.chance(0.7) ? 1 : 0
    const added = random.chance(0.7) ? telling[random.below(telling.length)]! : ''
    text = text.slice(0, at) + added + text.slice(at + removed)
  }
  return Buffer.from(text, 'latin1')
}
