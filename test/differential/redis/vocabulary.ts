/**
 * What stands for the slots of templates: mostly plausible, so that commands meet, and often enough what is at a limit of
 * a type, what is no number, what is binary.
 */
import { createHash } from 'node:crypto'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'

export const stringKeys: readonly string[] = ['s0', 's1', 's2']
const listKeys: readonly string[] = ['l0', 'l1']
const setKeys: readonly string[] = ['t0', 't1', 't2']
const hashKeys: readonly string[] = ['h0', 'h1']
const sortedSetKeys: readonly string[] = ['z0', 'z1', 'z2']
const lexKeys: readonly string[] = ['x0', 'x1']
const oddKeys: readonly string[] = [
  '',
  '\0\xff',
  'a\r\nb',
  'with space',
  '__proto__',
  '\xc3\xa9',
  '0',
  's*0',
  's\\0',
  '[s]',
  's]',
  's-0',
  's^0',
]

/** All that programs write to, without those of `<lex>`. */
export const plainKeys: readonly string[] = [
  ...stringKeys,
  ...listKeys,
  ...setKeys,
  ...hashKeys,
  ...sortedSetKeys,
  ...oddKeys,
]
export const allKeys: readonly string[] = [...plainKeys, ...lexKeys]

const elements: readonly string[] = [
  'a',
  'b',
  'c',
  'd',
  'e',
  '1',
  '2',
  '10',
  '',
  'a\0',
  'a\xff',
  'A',
  'ab',
  '-5',
  '3.5',
]
const highest = '9223372036854775807'
const lowest = '-9223372036854775808'
const numbers: readonly string[] = [
  '0',
  '1',
  '-1',
  '10',
  '-10',
  '99',
  '1000000',
  highest,
  lowest,
  '9223372036854775806',
]
const noNumbers: readonly string[] = [
  '',
  ' ',
  '1 ',
  ' 1',
  '+1',
  '01',
  '-0',
  '-',
  '1.0',
  '1e3',
  '0x10',
  'abc',
  '1\0',
  '9223372036854775808',
  '-9223372036854775809',
  '18446744073709551616',
  '123456789012345678901234567890',
]
const floats: readonly string[] = [
  '0',
  '-0',
  '0.0',
  '1',
  '1.5',
  '-2.25',
  '0.1',
  '0.2',
  '3.0',
  '1e3',
  '5e-3',
  '1E2',
  '.5',
  '5.',
  '+1',
  '1e17',
  '1e18',
  '1e21',
  '1e22',
  '123456789.123456789',
  '1.7976931348623157e308',
  '2.2250738585072014e-308',
  '5e-324',
  '1e-400',
  '1e400',
  '3.141592653589793238462643383279',
  '9007199254740993',
  '99999999999999999999',
  '0.30000000000000004',
  '1e-7',
  '0.00001',
  '1e-17',
  '0x1p3',
  '0x.8',
  '00012.50',
  '0x1.8',
  '1e',
  '1e+',
  'e5',
  '.',
  '0x',
  '0x.p1',
  '0x1p',
  '--1',
  '+-1',
  '1f',
  '1,5',
  '\x0b1',
  '1_0',
]
const infinities: readonly string[] = ['inf', '-inf', '+inf', 'Infinity', '-INFINITY', 'nan', 'NaN', '-nan', 'infin']
const patterns: readonly string[] = [
  '*',
  's*',
  '?0',
  '[st]0',
  '[^s]*',
  '[a-t]?',
  '[z-a]0',
  's\\0',
  '\\*',
  '[',
  '[a',
  '[]',
  '[^]',
  '[\\s]0',
  's[0-',
  '',
  '*0*',
  '**',
  '\\',
  'a',
  'a*',
  '*\xff',
  '[a-]',
  's0[',
  '?',
]
const optionNames =
  'NX XX GT LT CH INCR GET EX PX EXAT PXAT KEEPTTL PERSIST LIMIT REV BYSCORE WITHSCORES WITHVALUES COUNT MATCH TYPE RANK ' +
  'MAXLEN LEFT RIGHT MIN MAX BEFORE AFTER WEIGHTS AGGREGATE SUM REPLACE DB SYNC'
const words: readonly string[] = [...optionNames.split(' '), 'foo', '', 'n\0x']

type Slot = (vocabulary: Vocabulary) => string | readonly string[]

/** One in ten is replaced by what is no number. */
function spoiled(choose: Slot): Slot {
  return (from) => (from.random.chance(0.07) ? from.pick(noNumbers) : choose(from))
}

function keyOf(own: readonly string[]): Slot {
  return (from) => (from.random.chance(0.08) ? from.pick(plainKeys) : from.pick(own))
}

function keysOf(own: Slot): Slot {
  return (from) => {
    const keys = Array.from({ length: from.random.between(1, 3) }, () => own(from) as string)
    from.keyCount = keys.length
    const count = from.random.chance(0.06) ? from.pick([...noNumbers, '0', '-1', '2', '5', highest]) : `${keys.length}`
    return [count, ...keys]
  }
}

/** Any number of digits, any exponent. */
function anyFloat(from: Vocabulary): string {
  const { random } = from
  const digits = Array.from({ length: random.between(1, 22) }, () => random.below(10)).join('')
  const point = random.between(0, digits.length)
  const exponent = random.chance(0.4)
    ? `e${random.between(-330, 330)}`
    : random.chance(0.4)
      ? `e${random.between(-25, 25)}`
      : ''
  return `${random.chance(0.3) ? '-' : ''}${digits.slice(0, point)}${point < digits.length ? '.' : ''}${digits.slice(point)}${exponent}`
}

function anyPattern(from: Vocabulary): string {
  const parts = ['*', '?', '[', ']', '^', '-', '\\', 's', '0', 't', 'a', 'z', '1', '\xff']
  return Array.from({ length: from.random.between(1, 7) }, () => from.pick(parts)).join('')
}

const score: Slot = (from) => {
  if (from.random.chance(0.6)) return `${from.random.between(-3, 6)}`
  if (from.random.chance(0.3)) return anyFloat(from)
  return from.random.chance(0.25) ? from.pick(infinities) : from.pick([...floats, ...noNumbers])
}

const oddValues: readonly Slot[] = [
  () => '',
  () => '\0\x01\xff\xfe',
  () => 'line\r\nbreak',
  (from) => 'x'.repeat(from.random.between(60, 70)),
  (from) => 'long '.repeat(from.random.between(200, 4000)),
  (from) => from.pick(noNumbers),
  (from) => from.pick(floats),
]

const scripts: readonly string[] = [
  'return 1',
  'return {KEYS[1], ARGV[1], #KEYS, #ARGV}',
  "return redis.call('get', KEYS[1])",
  "return redis.pcall('get', KEYS[1])",
  "redis.call('set', KEYS[1], ARGV[1]) return redis.call('get', KEYS[1])",
  "return redis.call('incrby', KEYS[1], ARGV[1])",
  "return redis.pcall('lpush', KEYS[1], ARGV[1], 7, 1.5)",
  "return redis.call('zadd', KEYS[1], 1.25, ARGV[1])",
  "return redis.call('type', KEYS[1])",
  "return redis.call('lrange', KEYS[1], 0, -1)",
  "return redis.call('zrange', KEYS[1], 0, -1, 'WITHSCORES')",
  "redis.setresp(3) return redis.call('zscore', KEYS[1], ARGV[1])",
  "return {pcall(redis.call, 'hset', KEYS[1], ARGV[1], ARGV[1])}",
  "redis.call('rpush', KEYS[1], 'a') error('after')",
  'return tonumber(ARGV[1])',
  'return ARGV[1] .. (KEYS[2] or "")',
  'return cjson.encode({ARGV[1], KEYS[1]})',
  'return cjson.decode(ARGV[1])',
  'return {cmsgpack.unpack(cmsgpack.pack(ARGV[1], #ARGV[1], {1, 2}))}',
  "return struct.pack('>I2s', 300, ARGV[1])",
  "return {string.find(ARGV[1], '(%a)(%d*)')}",
  "return {string.gsub(ARGV[1], '.', '%0%0')}",
  'return string.format("%q %5.1f", ARGV[1], #ARGV[1])',
  'return bit.tohex(#ARGV[1])',
  'return redis.error_reply(ARGV[1])',
  'return redis.status_reply(ARGV[1])',
  "redis.call('select', 1) return redis.call('exists', KEYS[1])",
  'return redis.call(ARGV[1], KEYS[1])',
  'return nothing',
  'return (',
  '',
]

const digests: readonly string[] = scripts.map((script) => createHash('sha1').update(script).digest('hex'))

/** Up to 300 numbers from 0 to 399. */
function someOf(from: Vocabulary): number[] {
  return Array.from({ length: from.random.between(1, 300) }, () => from.random.below(400))
}

const slots: Readonly<Record<string, Slot>> = {
  string: keyOf(stringKeys),
  list: keyOf(listKeys),
  set: keyOf(setKeys),
  hash: keyOf(hashKeys),
  zset: keyOf(sortedSetKeys),
  lex: (from) => (from.random.chance(0.05) ? from.pick(stringKeys) : from.pick(lexKeys)),
  any: (from) => from.pick(allKeys),
  key: (from) => from.pick(plainKeys),
  lists: keysOf(keyOf(listKeys)),
  sets: keysOf(keyOf(setKeys)),
  zsets: keysOf((from) => (from.random.chance(0.2) ? from.pick(setKeys) : keyOf(sortedSetKeys)(from))),
  value: (from) => (from.random.chance(0.6) ? from.pick(elements) : from.pick(oddValues)(from)),
  field: (from) => from.pick(elements),
  item: (from) => from.pick(elements.slice(0, 7)),
  member: (from) => (from.random.chance(0.95) ? from.pick(elements) : from.pick(oddValues)(from)),
  script: (from) => from.pick(scripts),
  digest: (from) => from.pick(digests),
  number: spoiled((from) => from.pick(numbers)),
  integer: spoiled((from) => (from.random.chance(0.6) ? `${from.random.between(-20, 20)}` : from.pick(numbers))),
  index: spoiled((from) => (from.random.chance(0.92) ? `${from.random.between(-7, 7)}` : from.pick(numbers))),
  count: spoiled((from) => (from.random.chance(0.9) ? `${from.random.between(-1, 8)}` : from.pick(numbers))),
  farIndex: (from) => `${from.random.between(-400, 400)}`,
  many: (from) => someOf(from).map(String),
  manyPairs: (from) => someOf(from).flatMap((element) => [`${element % 90}`, `${element}`]),
  // Many draws from a set that is there are a long reply, so no number between.
  draws: spoiled((from) => (from.random.chance(0.95) ? `${from.random.between(-8, 8)}` : from.pick([highest, lowest]))),
  // Either both refuse it, or both pad.
  offset: spoiled((from) =>
    from.random.chance(0.85) ? `${from.random.between(-1, 30)}` : from.pick([highest, lowest, '536870912', '5000']),
  ),
  float: (from) => {
    if (from.random.chance(0.15)) return from.pick([...infinities, ...noNumbers])
    return from.random.chance(0.5) ? from.pick(floats) : anyFloat(from)
  },
  score,
  bound: (from) => (from.random.chance(0.3) ? `(${score(from) as string}` : score(from)),
  lexbound: (from) =>
    from.random.chance(0.6)
      ? `${from.pick(['[', '('])}${from.pick(elements)}`
      : from.pick(['-', '+', '-', '+', '', 'a', '[', '(', '--', '+a']),
  // Far apart, so that a comparison of two expiries does not hang on milliseconds.
  seconds: spoiled((from) => (from.random.chance(0.85) ? `${from.random.between(1, 1e6)}000` : from.pick(numbers))),
  ms: spoiled((from) => (from.random.chance(0.85) ? `${from.random.between(1, 1e6)}000000` : from.pick(numbersButOne))),
  second: spoiled((from) =>
    from.random.chance(0.75) ? `${from.random.between(20, 90)}00000000` : from.pick([...numbers, '100']),
  ),
  moment: spoiled((from) =>
    from.random.chance(0.75) ? `${from.random.between(20, 90)}00000000000` : from.pick([...numbers, '100']),
  ),
  database: (from) =>
    from.random.chance(0.8) ? `${from.random.between(0, 2)}` : from.pick(['15', '16', '-1', highest, ...noNumbers]),
  pattern: (from) => (from.random.chance(0.5) ? from.pick(patterns) : anyPattern(from)),
  start: (from) => (from.random.chance(0.96) ? '0' : from.pick(['x', '', '-1', ' 0', '0 ', '18446744073709551616'])),
  page: spoiled((from) => from.pick(['1', '2', '3', '10', '100', '0', '-1'])),
  weights: (from) => [
    'WEIGHTS',
    ...Array.from({ length: from.keyCount }, () =>
      from.random.chance(0.9) ? from.pick(floats) : from.pick(infinities),
    ),
  ],
}

/** Where a number of milliseconds would be over before the next command. */
const numbersButOne: readonly string[] = numbers.filter((number) => number.length > 6 || Number(number) <= 0)

export class Vocabulary {
  readonly random: SeededRandom
  /** How many keys the last list of keys had: WEIGHTS need as many. */
  keyCount = 1

  constructor(random: SeededRandom) {
    this.random = random
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.below(from.length)]!
  }

  choose(name: string): Buffer[] {
    const slot = slots[name]
    if (slot === undefined) throw new Error(`no slot is called ${name}`)
    const texts = slot(this)
    return (typeof texts === 'string' ? [texts] : texts).map((text) => Buffer.from(text, 'latin1'))
  }

  /** An argument where no such thing was to stand. */
  stray(): Buffer {
    return Buffer.from(this.random.chance(0.6) ? this.pick(words) : this.pick([...noNumbers, '0', '1', '-1']), 'latin1')
  }
}
