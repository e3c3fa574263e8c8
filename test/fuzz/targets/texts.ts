/** Texts that people and drivers write: values of SQL's types, patterns, logins, the command line. */
import { callerOf } from '../../../src/cli/postgres-client.ts'
import { parseServe, UsageError } from '../../../src/cli/arguments.ts'
import { ByteWriter } from '../../../src/base/bytes.ts'
import { PolylogError } from '../../../src/base/errors.ts'
import { sliceOf } from '../../../src/base/slice.ts'
import { KeyWriter } from '../../../src/base/tuple.ts'
import { toItsEnd } from '../../../src/base/work.ts'
import { CommandError } from '../../../src/gateway/redis/errors.ts'
import { Glob } from '../../../src/gateway/redis/glob.ts'
import { compilePattern, matchesText } from '../../../src/language/mql/filter-values.ts'
import { compileRegex, likeMatcher, similarToRegex } from '../../../src/language/sql/functions/pattern.ts'
import { formatJsonb, parseJson } from '../../../src/model/table/types/json.ts'
import { allTypes } from '../../../src/model/table/types/registry.ts'
import { parseClientFirst, ScramExchange } from '../../../src/principal/scram.ts'
import { ScramClient } from '../../../src/principal/scram-client.ts'
import { parseSecret, secretOf } from '../../../src/principal/secret.ts'
import { refusing, Unexpected, type Target } from '../target.ts'

// ---- values of SQL's types: the first byte says of which, the rest is the text, or the bytes of the binary form

const samples: Readonly<Record<string, readonly string[]>> = {
  bool: ['t', 'off'],
  bytea: ['\\x00ff', 'a\\000'],
  numeric: ['1.50', '-1e10', 'NaN', 'Infinity'],
  float8: ['1e308', '-0', 'nan'],
  int8: ['9007199254740993', '-9223372036854775808'],
  json: ['{"a": [1, 2.5e3, "x\\u0041", null, {"__proto__": true}]}'],
  jsonb: ['{"a": {"b": [1, 1.0, "\\ud83d\\ude00"]}}', '[]'],
  date: ['2024-02-29', '0044-03-15 BC', 'infinity'],
  time: ['23:59:60.5'],
  timestamp: ['2024-02-29 12:00:00.123456', 'Feb 29 2024 1pm'],
  timestamptz: ['2024-02-29T12:00:00+05:30', 'epoch'],
  interval: ['1 year 2 mons -3 days 04:05:06.7', 'P1Y2M3DT4H5M6S', '@ 1 hour ago'],
  uuid: ['{01234567-89ab-cdef-0123-456789abcdef}'],
  int4: ['1', '0x1f', '1_000'],
  text: ['a', 'é😀'],
  name: ['n'],
  bit: ['1010', 'x1F'],
  money: ['$1,234.56', '(0.5)'],
  inet: ['10.1.2.3/8', '::ffff:1.2.3.4/96', '2001:db8::1'],
  cidr: ['10.1', '::/0'],
  macaddr: ['08:00:2b:01:02:03', '0800.2b01.0203'],
  macaddr8: ['08002b0102030405'],
  pg_lsn: ['16/B374D848'],
  xid8: ['0xffffffffffffffff'],
  tid: ['(1,2)'],
  timetz: ['04:05:06.7+05:30', '04:05 PST'],
  int4range: ['[1,5]', 'empty', '(,"3")'],
  numrange: ['[1.5,2.50)'],
  tstzrange: ['["2020-01-01 00:00",)'],
  int4multirange: ['{[1,3),(5,],empty}'],
  point: ['(1,2.5)', 'nan,inf'],
  lseg: ['[(1,2),(3,4)]'],
  box: ['(1,2),(3,0)'],
  path: ['[(1,2),(3,4)]', '((1,2),(3,4))'],
  polygon: ['((1,2),(3,4),(5,6))'],
  line: ['{1,-1,2}', '(1,2),(3,4)'],
  circle: ['<(1,2),3>'],
  jsonpath: ['strict $.a[*, 1 to last]."b" ? (@.c > 1.5 && !(@ like_regex "x" flag "i")).size()', '$.**{2 to last}'],
}

function typed(name: string, text: string): Buffer {
  const number = allTypes.findIndex((type) => type.name === name)
  return Buffer.concat([Buffer.from([number]), Buffer.from(text)])
}

function typeInputs(): Buffer[] {
  const scalars = Object.entries(samples).flatMap(([name, texts]) => texts.map((text) => typed(name, text)))
  const arrays = ['int4', 'text', 'numeric'].flatMap((name) => [
    typed(`_${name}`, '{1,2,NULL}'),
    typed(`_${name}`, '[0:1]={{"1","2"},{3,4}}'),
  ])
  return [...scalars, ...arrays]
}

export const typeTarget: Target = {
  name: 'sql-values',
  title: "texts and binary forms of SQL's types: numbers, JSON, arrays, dates, …",
  mostBytes: 1024,
  // A number of few digits may stand for one of 131,072.
  steps: { fixed: 600_000, perByte: 1000 },
  open: () =>
    Promise.resolve({
      seeds: typeInputs(),
      words: [
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        'NULL',
        ':',
        '\\u0000',
        '\\ud800',
        'e999999999',
        '1e-2000',
        ' BC',
        'P1Y',
        '[1:2]=',
        'empty',
        '[1,2)',
        '(1,2)',
        '::',
        '@.',
        '**',
      ],
      run(input: Uint8Array) {
        const type = allTypes[(input[0] ?? 0) % allTypes.length]!
        const text = Buffer.from(input.subarray(1)).toString()
        const value = refusing(() => type.parseText(text), PolylogError)
        if (value !== undefined && value !== null) {
          const shown = type.formatText(value)
          const again = type.formatText(type.parseText(shown))
          if (again !== shown)
            throw new Unexpected(`${type.name} ${JSON.stringify(shown)} becomes ${JSON.stringify(again)}`)
          refusing(() => type.encodeBinary(value, new ByteWriter()), PolylogError)
          if (type.isOrdered) refusing(() => type.writeKey(value, new KeyWriter()), PolylogError)
        }
        const own = Uint8Array.from(input)
        const binary = refusing(() => type.decodeBinary(own, 1, own.length), PolylogError)
        if (binary !== undefined && binary !== null) refusing(() => type.formatText(binary), PolylogError)
        const json = refusing(() => parseJson(text), PolylogError)
        if (json !== undefined) parseJson(formatJsonb(json))
      },
    }),
}

// ---- patterns: the first line is the pattern, the rest the text

export const patternTarget: Target = {
  name: 'patterns',
  title: 'patterns over texts: Redis globs, LIKE, SIMILAR TO, regular expressions of SQL and MongoDB',
  mostBytes: 256,
  // A pattern may be tried at every place of a text: the square of this size, and no more.
  steps: { fixed: 3_000_000, perByte: 20_000 },
  share: 0.2,
  open: () =>
    Promise.resolve({
      seeds: [
        'a*a*a*b\naaaaaaaaaaaaaaaaaa',
        '[^a-z]?\\*\nX9*',
        '(a+)+$\naaaaaaaaaaaaaaaab',
        '^[[:alpha:]\\d]{2,3}|x\nab1',
        '%a_b%c\nxxaybzzc',
      ].map((text) => Buffer.from(text)),
      words: [
        '*',
        '?',
        '[^',
        ']',
        '\\',
        '(?:',
        ')+',
        '{2,9}',
        '{1000}',
        '|',
        '.*',
        '%',
        '_',
        '[[:alpha:]]',
        '(?i)',
        '\\1',
        '\n',
        '***=',
      ],
      run(input: Uint8Array) {
        const [pattern = '', ...rest] = Buffer.from(input).toString().split('\n')
        const text = rest.join('\n')
        const bytes = sliceOf(Buffer.from(text))
        toItsEnd(() => {
          refusing(() => new Glob(sliceOf(Buffer.from(pattern))).matches(bytes), CommandError)
          refusing(() => likeMatcher(pattern, '\\', true)(text), PolylogError)
          refusing(() => compileRegex(similarToRegex(pattern, '\\')).matcher(text).find(), PolylogError)
          refusing(() => compileRegex(pattern).matcher(text).find(), PolylogError)
          refusing(() => matchesText(compilePattern(pattern, 'im'), text), PolylogError)
        })
      },
    }),
}

// ---- logins

export const scramTarget: Target = {
  name: 'scram',
  title: 'messages of SCRAM-SHA-256, of both sides, and secrets',
  mostBytes: 1024,
  steps: { fixed: 2000, perByte: 20 },
  async open() {
    const salt = Buffer.alloc(16, 1)
    const secret = await secretOf('password', salt, 4096)
    const chance = Buffer.alloc(18, 2)
    const first = parseClientFirst('n,,n=ada,r=abc')
    const { serverFirst } = new ScramExchange(secret, first, chance)
    return {
      seeds: [
        'n,,n=a=2Cb=3D,r=fyko+d2lbbFgONRv9qkxdawL',
        'y,a=other,n=x,r=abc,ext=1',
        `c=biws,r=abc${chance.toString('base64')},p=${Buffer.alloc(32).toString('base64')}`,
        serverFirst,
        'SCRAM-SHA-256$4096:AAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
      ].map((text) => Buffer.from(text)),
      words: [',', '=', '=2C', 'n=', 'r=', 'p=', 'c=biws', 'm=', 'i=99999999', 's=', '\0', 'p=tls-unique'],
      run(input: Uint8Array) {
        const text = Buffer.from(input).toString()
        refusing(() => parseClientFirst(text), PolylogError)
        const proof = refusing(() => new ScramExchange(secret, first, chance).finish(text), PolylogError)
        if (proof !== undefined) throw new Unexpected('a login without the password')
        refusing(() => parseSecret(text), PolylogError)
        refusing(() => new ScramClient('password', chance).check(text), PolylogError)
      },
    }
  },
}

// ---- the command line and what it reads

/** As words of the command line, one a line; as its configuration; as an address. */
export const configurationTarget: Target = {
  name: 'configuration',
  title: 'the command line, the configuration file, addresses of servers',
  mostBytes: 512,
  steps: { fixed: 5000, perByte: 60 },
  open: () =>
    Promise.resolve({
      seeds: [
        '--port\n0\n--memory\n--memory-limit=512MB',
        '--config\nx\n--durability\nwritten\n--idle-databases\n9',
        '{"port": 7654, "memory": true, "memory-limit": "1 GB", "port-redis": 6379}',
        'postgres://ada:p%20w@[::1]:7654/db',
      ].map((text) => Buffer.from(text)),
      words: [
        '--',
        '=',
        '\n',
        '--config\nx\n',
        '"__proto__": ',
        '"constructor": ',
        '1e3',
        '%',
        '%zz',
        '0x10',
        '-1',
        '{',
        '}',
        '[]',
      ],
      async run(input: Uint8Array) {
        const text = Buffer.from(input).toString()
        refusing(() => callerOf(text), UsageError)
        const config = refusing(() => JSON.parse(text) as unknown, SyntaxError)
        for (const words of [text.split('\n'), ['--config', 'x']]) {
          const given = await parseServe(words, () => Promise.resolve(config)).catch((error: unknown) => {
            if (!(error instanceof UsageError)) throw error
            return undefined
          })
          if (given === undefined) continue
          const { port, protocolPorts, memoryLimitBytes = 0, directory } = given
          const isWrong = [port, ...Object.values(protocolPorts), memoryLimitBytes].some(
            (one) => !Number.isSafeInteger(one),
          )
          if (isWrong || directory?.includes('\0') === true) throw new Unexpected(JSON.stringify(given))
        }
      },
    }),
}
