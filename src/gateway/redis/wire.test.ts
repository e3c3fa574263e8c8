import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCommand } from './testing.ts'
import { maxArguments, parsed, RequestParser, splitWords } from './wire.ts'

const maxBytes = 1024 * 1024

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/** All requests in `chunks`, and the error that ended them. */
function parseAll(chunks: readonly Uint8Array[], limit = maxBytes): { requests: string[][]; error: string } {
  const parser = new RequestParser(limit)
  const requests: string[][] = []
  for (const chunk of chunks) {
    parser.push(chunk)
    for (;;) {
      const found = parser.next()
      if (found === parsed.more) {
        parser.rest()
        break
      }
      if (found === parsed.pause) continue
      if (found === parsed.error) return { requests, error: parser.error }
      const args = parser.arguments
      const request: string[] = []
      for (let i = 0; i < args.count; i++) {
        const { bytes, start, end } = args.at(i)
        request.push(latin1(bytes.subarray(start, end)))
      }
      requests.push(request)
    }
  }
  return { requests, error: '' }
}

function errorOf(text: string, limit?: number): string {
  return parseAll([Buffer.from(text, 'latin1')], limit).error
}

describe('requests', () => {
  it('are the same however the bytes are cut', () => {
    const anyArgument = fc.uint8Array({ maxLength: 20 })
    const anyRequests = fc.array(fc.array(anyArgument, { minLength: 1, maxLength: 5 }), { maxLength: 5 })
    fc.assert(
      fc.property(anyRequests, fc.array(fc.nat(400), { maxLength: 8 }), (requests, cuts) => {
        const expected = requests.map((request) => request.map(latin1))
        const bytes = Buffer.concat(expected.map((request) => encodeCommand(request)))
        const ends = [...cuts.filter((cut) => cut < bytes.length), bytes.length].sort((a, b) => a - b)
        const pieces = ends.map((end, i) => bytes.subarray(i === 0 ? 0 : ends[i - 1], end))
        expect(parseAll(pieces.map((piece) => Uint8Array.from(piece))).requests).toEqual(expected)
        // As small chunks of a socket are: parts of a larger buffer.
        const pool = new Uint8Array(8192)
        const pooled = pieces.map((piece, i) => {
          pool.set(piece, 7 + (ends[i - 1] ?? 0))
          return pool.subarray(7 + (ends[i - 1] ?? 0), 7 + ends[i]!)
        })
        expect(parseAll(pooled).requests).toEqual(expected)
      }),
    )
  })

  it('keep nothing of the buffer in which half of one lay', () => {
    const pool = new Uint8Array(8192)
    const half = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\nabc')
    pool.set(half, 100)
    const parser = new RequestParser(maxBytes)
    parser.push(pool.subarray(100, 100 + half.length))
    expect(parser.next()).toBe(parsed.more)
    parser.rest()
    expect(parser.bytes.buffer.byteLength).toBeLessThan(1024)
    for (let i = 0; i < 2; i++) expect(parser.arguments.at(i).bytes).toBe(parser.bytes)
  })

  it('come one byte at a time', () => {
    const bytes = Buffer.concat([
      encodeCommand(['SET', 'a', 'x'.repeat(100)]),
      Buffer.from('PING\r\n'),
      encodeCommand(['GET', '']),
    ])
    const chunks = [...bytes].map((byte) => Uint8Array.of(byte))
    expect(parseAll(chunks).requests).toEqual([['SET', 'a', 'x'.repeat(100)], ['PING'], ['GET', '']])
  })

  it('keep their arguments while more bytes arrive', () => {
    const parser = new RequestParser(maxBytes)
    parser.push(Buffer.concat([encodeCommand(['SET', 'key', 'value']), Buffer.from('*2\r\n$3\r\nG')]))
    expect(parser.next()).toBe(parsed.request)
    parser.push(Buffer.from('ET\r\n$1\r\na\r\n'))
    parser.push(encodeCommand(['DEL', 'x'.repeat(1000)]))
    const { bytes, start, end } = parser.arguments.at(2)
    expect(latin1(bytes.subarray(start, end))).toBe('value')
    expect(parser.next()).toBe(parsed.request)
    expect(parser.next()).toBe(parsed.request)
    expect(parser.arguments.at(1).end - parser.arguments.at(1).start).toBe(1000)
  })

  it('of no arguments are passed over', () => {
    expect(parseAll([Buffer.from('*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n')]).requests).toEqual([['PING']])
  })
})

describe('errors', () => {
  it.each([
    ['*x\r\n', 'invalid multibulk length'],
    ['*01\r\n', 'invalid multibulk length'],
    [`*${maxArguments + 1}\r\n`, 'invalid multibulk length'],
    ['*99999999999999\r\n', 'invalid multibulk length'],
    ['*1\r\n:1\r\n', "expected '$', got ':'"],
    ['*1\r\n\xff1\r\n', "expected '$', got '\ufffd'"],
    ['*1\r\n$x\r\n', 'invalid bulk length'],
    ['*1\r\n$-1\r\n', 'invalid bulk length'],
    ['*1\r\n$-0\r\n', 'invalid bulk length'],
    ['*-0\r\n', 'invalid multibulk length'],
    ['*1\r\n$1048577\r\n', 'invalid bulk length'],
    [`*${'1'.repeat(70_000)}`, 'too big mbulk count string'],
    [`*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
    ['x'.repeat(70_000), 'too big inline request'],
    ['SET "a\r\n', 'unbalanced quotes in request'],
    ["SET 'a'b\r\n", 'unbalanced quotes in request'],
  ])('%.20j: %s', (text, error) => {
    expect(errorOf(text)).toBe(error)
  })

  it('of a request that is too large as a whole', () => {
    const argument = `$500\r\n${'x'.repeat(500)}\r\n`
    expect(errorOf(`*2\r\n${argument}${argument}`, 600)).toBe('')
    expect(errorOf(`*200\r\n${argument.repeat(200)}`, 600)).toBe('request is larger than 600 bytes')
  })
})

describe('inline words', () => {
  it.each<[string, string[] | undefined]>([
    ['a  b\tc ', ['a', 'b', 'c']],
    ['', []],
    ['"a b" \'c d\'', ['a b', 'c d']],
    [String.raw`"\x41\n\"\\\q"`, ['A\n"\\q']],
    [String.raw`'it\'s \n'`, [String.raw`it's \n`]],
    ['""', ['']],
    ['"a"b', undefined],
    ['"a', undefined],
    [String.raw`"a\"`, undefined],
  ])('%s', (line, words) => {
    const bytes = Buffer.from(line)
    expect(splitWords({ bytes, start: 0, end: bytes.length })?.map(latin1)).toEqual(words)
  })
})

it('a request of very many arguments is parsed in several turns, and is whole then', () => {
  const count = 300_000
  const parser = new RequestParser(16 * maxBytes)
  parser.push(Buffer.from(`*${count}\r\n${'$0\r\n\r\n'.repeat(count)}`))
  let pauses = 0
  while (parser.next() === parsed.pause) pauses++
  expect(pauses).toBe(4)
  expect(parser.arguments.count).toBe(count)
})
