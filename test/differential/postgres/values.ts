/** Values of every type, edges first, as the text that PostgreSQL reads. */
import type { Random } from './random.ts'

export const types = [
  'int2',
  'int4',
  'int8',
  'float4',
  'float8',
  'numeric',
  'text',
  'varchar',
  'bpchar',
  'bool',
  'date',
  'time',
  'timestamp',
  'timestamptz',
  'interval',
  'uuid',
  'bytea',
  'json',
  'jsonb',
  '_int4',
  '_text',
] as const

export type TypeName = (typeof types)[number]

export function isType(name: string): name is TypeName {
  return (types as readonly string[]).includes(name)
}

export function isNumber(type: TypeName): boolean {
  return ['int2', 'int4', 'int8', 'float4', 'float8', 'numeric'].includes(type)
}

/** As a cast writes it. */
export function sqlName(type: TypeName): string {
  return type.startsWith('_') ? `${type.slice(1)}[]` : type
}

const words = [
  '',
  'a',
  'A',
  'abc',
  'ABC',
  ' a b ',
  'straße',
  'naïve Ünï',
  '日本語',
  '🎉x',
  '100%',
  'a_b',
  "it's",
  'back\\slash',
  'a,b,,c',
  'one two  three',
  '12',
  '-7.5',
  'true',
  'null',
  'x\ty\nz',
  'aaaa',
  '"q"',
  '{1,2}',
]

const days = [
  '2024-02-29',
  '1999-12-31',
  '2000-01-01',
  '0001-01-01',
  '9999-12-31',
  '1582-10-15',
  '2023-03-31',
  '0044-03-15 BC',
  'infinity',
  '-infinity',
]

const times = ['00:00:00', '23:59:59.999999', '12:34:56.5', '24:00:00', '04:05:06.789', '00:00:00.000001']

const jsons = [
  'null',
  '1',
  '1.50',
  '-0.0',
  '1e3',
  '"text"',
  '""',
  'true',
  '[]',
  '{}',
  '[1, 2, "a", null]',
  '{"a": 1, "b": [1, {"c": "x"}], "a": 2}',
  '{"bb": "é", "a": null, "c": {"d": 1.0}}',
  '[[1], {"a": "b"}, false]',
  '  {"k" :"v"  }',
  '"\\u00e9\\n"',
  '{"a":{"b":{"c":[10,20,30]}}}',
]

const edges: Readonly<Record<TypeName, readonly string[]>> = {
  int2: ['0', '1', '-1', '2', '7', '32767', '-32768', '100', '3'],
  int4: ['0', '1', '-1', '2', '3', '10', '2147483647', '-2147483648', '65536', '-7', '1000000'],
  int8: ['0', '1', '-1', '9223372036854775807', '-9223372036854775808', '4294967296', '-5', '10', '123456789012'],
  float4: ['0', '1', '-1.5', '0.1', '3.4028235e38', '1e-45', 'NaN', 'Infinity', '-Infinity', '16777217', '2.5', '-0'],
  float8: [
    '0',
    '1',
    '-1.5',
    '0.1',
    '1e308',
    '5e-324',
    'NaN',
    'Infinity',
    '-Infinity',
    '9007199254740993',
    '2.5',
    '-0',
    '1e15',
    '123456.789',
    '1e-5',
    '0.5',
  ],
  numeric: [
    '0',
    '1',
    '-1',
    '0.5',
    '-2.50',
    '1e20',
    '123456789012345678901234567890.123456789',
    '0.00001',
    '99.995',
    'NaN',
    'Infinity',
    '-Infinity',
    '3',
    '10.0',
    '-0.000',
    '7.25',
    '1e-20',
  ],
  text: words,
  varchar: words,
  bpchar: words,
  bool: ['true', 'false', 't', 'off'],
  date: days,
  time: times,
  timestamp: [
    ...days,
    '2024-02-29 23:59:59.999999',
    '2001-09-09 01:46:40',
    '1970-01-01 00:00:00',
    '2023-03-31 12:00:00.5',
    '1969-12-31 23:59:59.123456',
    '4713-01-01 00:00:00 BC',
  ],
  timestamptz: [
    ...days,
    '2024-02-29 23:59:59.999999+00',
    '2001-09-09 01:46:40+02',
    '1970-01-01 00:00:00-08:30',
    '2023-12-31 12:00:00.5',
    '1969-12-31 23:59:59.123456Z',
  ],
  interval: [
    '0',
    '1 day',
    '-1 day',
    '1 month',
    '1 year 2 months 3 days 04:05:06.789',
    '-1 month 1 day -00:00:01',
    '36:00:00',
    'P1Y2M3DT4H5M6S',
    '1.5 days',
    '30 days',
    '-00:00:00.000001',
    '100 years',
    '2 weeks ago',
  ],
  uuid: [
    '00000000-0000-0000-0000-000000000000',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11',
    '{a0eebc999c0b4ef8bb6d6bb9bd380a12}',
  ],
  bytea: ['\\x', '\\x00', '\\xdeadbeef', '\\x616263', 'abc', '\\\\', '\\001\\377x', '\\xff00ff'],
  json: jsons,
  jsonb: jsons,
  _int4: ['{}', '{1}', '{1,2,3}', '{NULL}', '{3,NULL,1}', '{2147483647,-1}', '{{1,2},{3,4}}', '{1,1,2}', '{2,1}'],
  _text: [
    '{}',
    '{a}',
    '{a,b}',
    '{NULL,"NULL"}',
    '{"a b","c,d","e\\"f"}',
    '{{a,b},{c,d}}',
    '{"",x}',
    '{b,c}',
    '{k}',
    '{0}',
    '{a,b,c,-1}',
  ],
}

/** What no type, or only some types, can read. */
const wrong = [
  '',
  'abc',
  '1.5',
  '99999999999999999999',
  '2024-13-45',
  '{',
  '[1,',
  '  12  ',
  'NaN',
  'tru',
  '25:00',
  '1e400',
]

/** `isOrdinary`: no NaN, infinities, negative zeros or magnitudes at which sums of floats depend on their order. */
export function randomText(random: Random, type: TypeName, isOrdinary = false): string {
  if (isOrdinary && type.startsWith('float')) return String(random.int(-40, 40) / 4 || 1)
  if (isOrdinary && type === 'numeric') return String(random.int(-5000, 5000) / 100)
  if (random.chance(0.7)) return random.pick(edges[type])
  return freeText(random, type) ?? random.pick(edges[type])
}

export function wrongText(random: Random): string {
  return random.pick(wrong)
}

const two = (value: number): string => String(value).padStart(2, '0')

function freeText(random: Random, type: TypeName): string | undefined {
  const day = (): string => `${random.int(1800, 2200)}-${two(random.int(1, 12))}-${two(random.int(1, 28))}`
  const time = (): string => `${two(random.int(0, 23))}:${two(random.int(0, 59))}:${two(random.int(0, 59))}`
  switch (type) {
    case 'int2':
    case 'int4':
    case 'int8':
      return String(random.int(-100, 100))
    case 'float4':
      return String(random.int(-1000, 1000) / 8)
    case 'float8':
      return String((random.next() - 0.5) * 10 ** random.int(-3, 6))
    case 'numeric':
      return `${random.int(-99_999, 99_999)}.${random.int(0, 99_999)}`
    case 'text':
    case 'varchar':
    case 'bpchar':
      return random.times(0, 6, () => random.pick([...'abcABC 123_%é'])).join('')
    case 'date':
      return day()
    case 'time':
      return time()
    case 'timestamp':
    case 'timestamptz':
      return `${day()} ${time()}`
    case 'interval':
      return `${random.int(-20, 20)} months ${random.int(-40, 40)} days ${time()}`
    default:
      return undefined
  }
}

export function quote(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`
  return text.includes('\\') ? `E${quoted}` : quoted
}

/** A literal of the type, in one of the ways to write it. */
export function literal(random: Random, type: TypeName, isOrdinary = false): string {
  if (random.chance(0.06)) return `null::${sqlName(type)}`
  const text = randomText(random, type, isOrdinary)
  const plain = /^-?\d+(\.\d+)?$/.test(text)
  if (type === 'bool' && (text === 'true' || text === 'false')) return text
  if (type === 'int4' && plain && text !== '-2147483648') return text.startsWith('-') ? `(${text})` : text
  if (type === 'numeric' && plain && text.includes('.')) return text.startsWith('-') ? `(${text})` : text
  return `${quote(text)}::${sqlName(type)}`
}
