import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { CaseResult } from '../suite.ts'
import { decodeCases } from './cases.ts'
import { splitCommand } from './command-text.ts'
import { type Expected, isExpected } from './compare.ts'
import { compareVersions, redisCts } from './redis-cts.ts'
import { encodeCommand, parseReply, type Reply, ReplyError } from './resp-client.ts'

function words(text: string, isBinary = false): string[] {
  return splitCommand(text, isBinary).map((word) => word.toString('latin1'))
}

test('commands are split as the suite’s runner does', () => {
  expect(words('set k v')).toEqual(['set', 'k', 'v'])
  expect(words('eval "return 1 \n end" 0')).toEqual(['eval', 'return 1 \n end', '0'])
  expect(words('a  b"c d"e')).toEqual(['a', '', 'bc de'])
  expect(words('set k ""')).toEqual(['set', 'k', ''])
  expect(words('set k \\x00')).toEqual(['set', 'k', '\\x00'])
  expect(words('restore k 0 \\x00\\xff\\a\\b\\n\\r\\t\\\\] x', true)).toEqual([
    'restore',
    'k',
    '0',
    '\x00\xff\x07\b\n\r\t\\]',
    'x',
  ])
  expect(words('set "\\x20 \\q"', true)).toEqual(['set', '  \\q'])
  expect(splitCommand('set é', false)[1]).toEqual(Buffer.from('é'))
  expect(() => splitCommand('set €', true)).toThrow('not one byte')
})

const strict = { ignoresOrder: false, isApproximate: false }

test.each<[Expected, Reply, boolean]>([
  ['OK', 'OK', true],
  ['1', 1, false],
  [1, '1', false],
  [null, null, true],
  [null, 'x', false],
  [[1, ['a', null]], [1, ['a', null]], true],
  [[1], [1, null], false],
  [[1, null], [1], false],
  [[], null, false],
  [['a', 'b'], ['b', 'a'], false],
  ['ERR', new ReplyError('ERR'), false],
])('strictly, %j and %j are equal: %s', (expected, reply, result) => {
  expect(isExpected(expected, reply, strict)).toBe(result)
})

test('without order, the innermost arrays are bags', () => {
  const unordered = { ignoresOrder: true, isApproximate: false }
  expect(isExpected(['a', 'b'], ['b', 'a'], unordered)).toBe(true)
  expect(isExpected(['0', ['a', 'b']], ['0', ['b', 'a']], unordered)).toBe(true)
  expect(isExpected([['a'], ['b']], [['b'], ['a']], unordered)).toBe(false)
  expect(isExpected(['a', 'a'], ['a', 'b'], unordered)).toBe(false)
  expect(isExpected(['a'], 'a', unordered)).toBe(false)
})

test('approximately, numbers in strings inside arrays may differ a little', () => {
  const approximate = { ignoresOrder: false, isApproximate: true }
  expect(isExpected([['13.361', 'x']], [['13.3612', 'x']], approximate)).toBe(true)
  expect(isExpected(['13.36'], ['13.38'], approximate)).toBe(false)
  expect(isExpected(['x'], ['y'], approximate)).toBe(false)
  expect(isExpected([13.361], [13.3612], approximate)).toBe(false)
  expect(isExpected('13.361', '13.3612', approximate)).toBe(false)
})

test('a reply is read however its bytes are cut', () => {
  const text = '*5\r\n+OK\r\n:-12\r\n$3\r\na\r\n\r\n*-1\r\n*2\r\n$-1\r\n-ERR no\r\n'
  const bytes = Buffer.from(text)
  for (let length = 0; length < bytes.length; length++) {
    expect(parseReply(bytes.subarray(0, length), 0)).toBeUndefined()
  }
  const reply = ['OK', -12, 'a\r\n', null, [null, new ReplyError('ERR no')]]
  expect(parseReply(bytes, 0)).toEqual({ reply, end: bytes.length })
  for (const garbage of ['?\r\n', ':x\r\n', '$1\r\nabc']) {
    expect(() => parseReply(Buffer.from(garbage), 0)).toThrow()
  }
})

test('versions compare by numbers', () => {
  expect(compareVersions('7.2.0', '7.0.15')).toBeGreaterThan(0)
  expect(compareVersions('2.6.12', '2.6.9')).toBeGreaterThan(0)
  expect(compareVersions('10.0', '9.9.9')).toBeGreaterThan(0)
  expect(compareVersions('7.0', '7.0.0')).toBe(0)
})

test('repeated names are told apart', () => {
  const one = { name: 'a', command: [], result: [], since: '1.0.0' }
  const names = decodeCases([one, { ...one, tags: 'cluster' }, one]).map((decoded) => decoded.name)
  expect(names).toEqual(['a', 'a [cluster]', 'a #2'])
})

/** A server that answers each command by its words joined by spaces. */
async function serve(answers: Record<string, string | undefined>): Promise<number> {
  const answer = (socket: Socket, chunk: Buffer): void => {
    const command = String(parseReply(chunk, 0)?.reply).replaceAll(',', ' ')
    const reply = command === 'FLUSHALL' ? '+OK\r\n' : answers[command]
    if (reply === undefined) socket.destroy()
    else socket.write(reply)
  }
  const server = createServer((socket) => void socket.on('data', (chunk) => answer(socket, chunk)))
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function runCases(cases: object[], port: number, isOurs = true): Promise<CaseResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-cts-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'cts.json'), JSON.stringify(cases))
  const results: CaseResult[] = []
  for await (const result of redisCts.run(folder, { host: '127.0.0.1', port, isOurs })) results.push(result)
  return results
}

test('cases pass, fail and skip as the server answers', async () => {
  const port = await serve({ 'get k': '$1\r\nv\r\n', 'type k': '-ERR no\r\n' })
  const since = '1.0.0'
  const results = await runCases(
    [
      { name: 'equal', command: ['get k'], result: ['v'], since },
      { name: 'different', command: ['get k', 'get k'], result: ['v', 'w'], since },
      { name: 'error', command: ['type k'], result: ['string'], since },
      { name: 'closed', command: ['quit'], result: ['OK'], since },
      { name: 'next', command: ['get k'], result: ['v'], since },
      { name: 'spread', command: ['get k'], result: ['v'], since, tags: 'cluster' },
      { name: 'off', command: ['get k'], result: ['v'], since, skipped: true },
      { name: 'short', command: ['get k', 'get k'], result: ['v'], since },
    ],
    port,
  )
  expect(results).toEqual([
    { name: 'equal', outcome: 'passed' },
    { name: 'different', outcome: 'failed', message: 'get k: expected "w", got "v"' },
    { name: 'error', outcome: 'failed', message: 'type k: expected "string", got error ERR no' },
    { name: 'closed', outcome: 'failed', message: 'Error: the server closed the connection' },
    { name: 'next', outcome: 'passed' },
    { name: 'spread [cluster]', outcome: 'skipped', reason: 'needs a cluster' },
    { name: 'off', outcome: 'skipped', reason: 'the suite skips it' },
    { name: 'short', outcome: 'failed', message: 'the case has no reply for get k' },
  ])
})

test('of a foreign server, what is newer than it is left out', async () => {
  const info = 'redis_version:7.0.15\r\nother:1'
  const port = await serve({ 'INFO server': `$${info.length}\r\n${info}\r\n`, 'get k': '$-1\r\n' })
  const cases = ['7.0.0', '7.2.0'].map((since) => ({ name: since, command: ['get k'], result: [null], since }))
  expect(await runCases(cases, port, false)).toEqual([
    { name: '7.0.0', outcome: 'passed' },
    { name: '7.2.0', outcome: 'skipped', reason: 'since 7.2.0, and the server is 7.0.15' },
  ])
})

test('a command travels as an array of bulk strings', () => {
  expect(encodeCommand([Buffer.from('set'), Buffer.from([0xff])]).toString('latin1')).toBe(
    '*2\r\n$3\r\nset\r\n$1\r\n\xff\r\n',
  )
})
