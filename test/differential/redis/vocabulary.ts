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
const estimateKeys: readonly string[] = ['p0', 'p1']
const streamKeys: readonly string[] = ['m0', 'm1']
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
  ...streamKeys,
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
  'MAXLEN MINID STREAMS GROUP NOACK JUSTID FORCE MKSTREAM FULL LEFT RIGHT MIN MAX BEFORE AFTER WEIGHTS AGGREGATE SUM REPLACE DB SYNC'
const words: readonly string[] = [...optionNames.split(' '), 'foo', '', 'n\0x']

const greatestPart = '18446744073709551615'
const oddIds: readonly string[] = [
  '-',
  '+',
  '$',
  '>',
  '0',
  '0-0',
  '5-*',
  '1-1-1',
  '01-01',
  '-1',
  '--1',
  '1--01',
  '1-',
  '(1',
  `${greatestPart}-${greatestPart}`,
  `${greatestPart}-*`,
  greatestPart,
  `1-${greatestPart}`,
  '1-18446744073709551616',
]

/** What DUMP of redis-server 7.0 gives of a string, an integer, a list, a set, a sorted set and a hash, and what it never gives. */
const payloads: readonly string[] = [
  '\x00\x05\x76\x61\x6c\x75\x65\x0a\x00\x81\xf6\xc1\x38\xc1\xaa\x9b\x6e',
  '\x00\xc1\x39\x30\x0a\x00\x9d\x94\xea\x27\x93\xfc\x08\xb9',
  '\x12\x01\x02\x0f\x0f\x00\x00\x00\x03\x00\x81\x61\x02\x81\x62\x02\x01\x01\xff\x0a\x00\xe0\x1b\xab\x4a\x47\xce\x59\x22',
  '\x0b\x0e\x02\x00\x00\x00\x03\x00\x00\x00\x01\x00\x02\x00\x03\x00\x0a\x00\xa5\x02\x5c\xe2\x6d\x6e\x4d\x1b',
  '\x02\x01\x01\x78\x0a\x00\xff\xe8\x80\xba\x76\x0c\x2f\x09',
  '\x11\x14\x14\x00\x00\x00\x04\x00\x81\x61\x02\x01\x01\x81\x62\x02\x83\x32\x2e\x35\x04\xff\x0a\x00\xd4\x4c\x6e\xa4\xf6\x44\xd9\xd7',
  '\x10\x0d\x0d\x00\x00\x00\x02\x00\x81\x66\x02\x81\x76\x02\xff\x0a\x00\x20\xf1\x3d\x44\x23\x54\x08\x9d',
  '',
  'payload',
]

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

const libraries: readonly string[] = [
  "#!lua name=one\nredis.register_function('f1', function(keys, args) return {keys, args} end)",
  "#!lua name=one\nredis.register_function('f1', function(keys, args) return redis.call('set', keys[1], args[1]) end)",
  "#!lua name=two\nredis.register_function{function_name='F2', callback=function(keys, args) return redis.pcall('get', keys[1]) end, flags={'no-writes'}, description='d'}",
  "#!lua name=two\nredis.register_function('f1', function() return 2 end)",
  "#!lua name=three\nlocal n = 0\nredis.register_function('f3', function() error({err='MY x'}) end)",
  '#!lua name=three\nreturn 1',
  '#!lua name=three\nreturn (',
  '#!lua\nreturn 1',
  'return 1',
]

const digests: readonly string[] = scripts.map((script) => createHash('sha1').update(script).digest('hex'))

/** Up to 300 numbers from 0 to 399. */
function someOf(from: Vocabulary): number[] {
  return Array.from({ length: from.random.between(1, 300) }, () => from.random.below(400))
}

/** Of an entry, as they are given by `newid`. */
const id: Slot = (from) => {
  const { random } = from
  if (random.chance(0.06)) return from.pick(random.chance(0.3) ? noNumbers : oddIds)
  const time = random.between(0, Math.min(from.lastTime + 1, 12))
  return random.chance(0.3) ? `${time}` : `${time}-${random.between(0, 2)}`
}

const slots: Readonly<Record<string, Slot>> = {
  string: keyOf(stringKeys),
  list: keyOf(listKeys),
  set: keyOf(setKeys),
  hash: keyOf(hashKeys),
  zset: keyOf(sortedSetKeys),
  lex: (from) => (from.random.chance(0.05) ? from.pick(stringKeys) : from.pick(lexKeys)),
  // Keys of their own: PFCOUNT of Redis keeps what it has counted in the value, which GET shows.
  estimate: (from) => from.pick(estimateKeys),
  stream: keyOf(streamKeys),
  id,
  newid: (from) => {
    if (from.random.chance(0.1)) return id(from)
    if (from.random.chance(0.7)) from.lastTime++
    return `${from.lastTime}-${from.random.chance(0.5) ? '*' : from.random.between(0, 2)}`
  },
  idbound: (from) => {
    if (from.random.chance(0.4)) return from.pick(['-', '+'])
    return from.random.chance(0.3) ? `(${id(from) as string}` : id(from)
  },
  new: () => '>',
  group: (from) => from.pick(['g', 'h', 'g', 'g', '']),
  consumer: (from) => from.pick(['ann', 'bob', 'ann', 'bob', 'c\0\xff', '']),
  streamsandids: (from) => {
    const keys = Array.from({ length: from.random.between(1, 2) }, () => keyOf(streamKeys)(from) as string)
    return [...keys, ...keys.map(() => (from.random.chance(0.3) ? '0' : (id(from) as string)))]
  },
  streamsandnews: (from) => {
    const keys = Array.from({ length: from.random.between(1, 2) }, () => keyOf(streamKeys)(from) as string)
    return [...keys, ...keys.map(() => (from.random.chance(0.75) ? '>' : (id(from) as string)))]
  },
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
  library: (from) => from.pick(libraries),
  libraryName: (from) => from.pick(['one', 'two', 'three', 'nosuch', 'ONE']),
  function: (from) => from.pick(['f1', 'F1', 'f2', 'f3', 'nosuch', '']),
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
  bitOffset: spoiled((from) =>
    from.random.chance(0.9)
      ? `${from.pick(['', '', '#'])}${from.random.between(0, 90)}`
      : from.pick([highest, '4294967296', '-1', '#-1', '#']),
  ),
  intType: (from) =>
    from.random.chance(0.95)
      ? `${from.pick(['u', 'i'])}${from.random.between(1, 64)}`
      : from.pick(['u0', 'i65', 'x8', 'u', '8', ...noNumbers]),
  longitude: spoiled((from) =>
    from.random.chance(0.95)
      ? `${from.random.between(-1800, 1800) / 10}`
      : from.pick(['180', '-180', '180.1', 'inf', 'nan']),
  ),
  latitude: spoiled((from) =>
    from.random.chance(0.95)
      ? `${from.random.between(-850, 850) / 10}`
      : from.pick(['85.05112878', '86', '-90', '1e400']),
  ),
  radius: spoiled((from) =>
    from.random.chance(0.95) ? `${from.random.between(0, 30_000) / 3}` : from.pick(['-1', '0', '1e9', 'inf']),
  ),
  unit: (from) => from.pick(['m', 'km', 'km', 'km', 'MI', 'ft', 'x', '']),
  sortPattern: (from) => from.pick(['s*', 'h*->a', 'h*->1', '#', 's*', '*', 'h*->', 'z*', '*->a']),
  ttl: spoiled((from) => (from.random.chance(0.8) ? '0' : from.pick(['1000000', '99999999999999', '-1']))),
  payload: (from) => from.pick(payloads),
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
  /** Of the last id of an entry. */
  lastTime = 0

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
