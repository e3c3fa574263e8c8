/** COPY in the binary format: what comes out goes in again, however it is cut, and what is no such data is refused. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { CopyBinaryReader } from '../../language/sql/statement/copy-binary.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { Door } from '../door.ts'
import { defaultGatewayLimits } from '../gateway.ts'
import { CopyBinaryEncoder } from './copy-out-binary.ts'
import { postgresProtocol } from './gateway.ts'
import { message, query, startup, TestClient } from './testing.ts'

let opened: TestSessions
let client: TestClient

beforeEach(async () => {
  opened = await openTestSessions()
  client = new TestClient(new Door(postgresProtocol, opened.sessions, defaultGatewayLimits), opened.sessions.host)
  client.send(startup('user', 'me'))
  await client.awaitAnswers()
})

afterEach(() => opened.close())

/** All messages until the server is ready: types and contents. */
async function messagesOf(...sent: Uint8Array[]): Promise<readonly (readonly [string, Buffer])[]> {
  client.send(...sent)
  let bytes = Buffer.alloc(0)
  const found: [string, Buffer][] = []
  while (!found.some(([type]) => type === 'Z' || type === 'G')) {
    while (client.socket.received.length === 0) await new Promise<void>((resolve) => opened.sessions.host.turn(resolve))
    bytes = Buffer.concat([bytes, client.socket.received])
    client.socket.received = Buffer.alloc(0)
    while (bytes.length >= 5 && bytes.length > bytes.readUInt32BE(1)) {
      const end = bytes.readUInt32BE(1) + 1
      found.push([bytes.toString('latin1', 0, 1), bytes.subarray(5, end)])
      bytes = bytes.subarray(end)
    }
  }
  return found
}

async function copyOut(what: string): Promise<Buffer> {
  const messages = await messagesOf(query(`COPY ${what} TO STDOUT (FORMAT binary)`))
  const [[type, response]] = messages as [readonly [string, Buffer]]
  expect([type, response[0], response[4]]).toEqual(['H', 1, 1])
  return Buffer.concat(messages.filter(([one]) => one === 'd').map(([, data]) => data))
}

/** What it answers: a tag, or an error. */
async function copyIn(table: string, data: Buffer, pieceBytes: number = data.length): Promise<string> {
  const [[type, response]] = (await messagesOf(query(`COPY ${table} FROM STDIN BINARY`))) as [readonly [string, Buffer]]
  expect([type, response[0], response[4]]).toEqual(['G', 1, 1])
  const pieces: Uint8Array[] = []
  for (let at = 0; at < data.length; at += pieceBytes) pieces.push(message('d', data.subarray(at, at + pieceBytes)))
  const answers = await messagesOf(...pieces, message('c'))
  const answer = answers.find(([one]) => one === 'C' || one === 'E')
  const fields = answer![1].toString().split('\0')
  return answer![0] === 'C' ? fields[0]! : `${fields[2]!.slice(1)} ${fields[3]!.slice(1)}`
}

async function ask(text: string): Promise<string[]> {
  const answers = await messagesOf(query(text))
  return answers.filter(([type]) => type === 'D').map(([, row]) => row.subarray(6).toString())
}

const header = 'PGCOPY\n\xff\r\n\0' + '\0'.repeat(8)
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')

describe('at the door', () => {
  const columns =
    'a int, b text, c numeric, d timestamptz, e int[], f jsonb, g bytea, h varchar(3), i boolean, j float8, k uuid, l interval'
  const values =
    `(1, 'x', 1.50, '2024-02-29 12:00Z', '{1,NULL,3}', '{"a": [1]}', '\\x00ff', 'abc', true, 'NaN', ` +
    `'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '1 mon 2 days 00:00:03'), ` +
    '(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)'

  it.each([1, 7, 100_000])('rows go out and come in, in pieces of %d bytes', async (pieceBytes) => {
    await ask(`CREATE TABLE t (${columns}); CREATE TABLE u (LIKE t); INSERT INTO t VALUES ${values}`)
    const data = await copyOut('t')
    expect(data.subarray(0, header.length)).toEqual(bytes(header))
    expect(data.subarray(-2)).toEqual(bytes('\xff\xff'))
    expect(await copyIn('u', data, pieceBytes)).toBe('COPY 2')
    expect(await ask('SELECT t::text FROM t ORDER BY a')).toEqual(await ask('SELECT u::text FROM u ORDER BY a'))
    expect((await ask('SELECT 1 FROM u WHERE a = 1'))[0]).toContain('1')
  })

  it('are the bytes that PostgreSQL sends', async () => {
    const row = '\0\x02\0\0\0\x04\0\0\0\x05\xff\xff\xff\xff'
    expect(await copyOut('(SELECT 5 AS a, NULL::text AS b)')).toEqual(bytes(`${header}${row}\xff\xff`))
    expect(await copyOut('(SELECT 5 WHERE false)')).toEqual(bytes(`${header}\xff\xff`))
  })

  it('large rows go out and come in', async () => {
    await ask(`CREATE TABLE t (a text, b bytea, c int[])`)
    await ask(
      `INSERT INTO t SELECT repeat('ä', 300000), decode(repeat('00ff', 200000), 'hex'), array_agg(i) FROM generate_series(1, 20000) i`,
    )
    const data = await copyOut('t')
    await ask('CREATE TABLE u (LIKE t)')
    expect(await copyIn('u', data, 60_000)).toBe('COPY 1')
    expect((await ask('SELECT 1 FROM t JOIN u ON t.a = u.a AND t.b = u.b AND t.c = u.c')).length).toBe(1)
  })

  it('a column checks what comes', async () => {
    await ask(`CREATE DOMAIN small AS int CHECK (value < 10); CREATE TABLE t (a varchar(2), b small)`)
    const row = (text: string, number: string): Buffer =>
      bytes(`${header}\0\x02\0\0\0${String.fromCharCode(text.length)}${text}\0\0\0\x04${number}`)
    expect(await copyIn('t', row('ab', '\0\0\0\x05'))).toBe('COPY 1')
    expect(await copyIn('t', row('abc', '\0\0\0\x05'))).toBe('22001 value too long for type character varying(2)')
    expect(await copyIn('t', row('ab', '\0\0\0\x0a'))).toBe(
      '23514 value for domain small violates check constraint "small_check"',
    )
    expect(await copyIn('t', bytes(`${header}\0\x02\0\0\0\x01\x80\0\0\0\x04\0\0\0\x01`))).toMatch(/^22021 /)
    expect(await copyIn('t', bytes(`${header}\0\x02\0\0\0\x01a\0\0\0\x03\0\0\x01`))).toMatch(/^(08P01|22P03) /)
  })

  it.each([
    ["(FORMAT binary, DELIMITER ',')", '42601 cannot specify DELIMITER in BINARY mode'],
    ["(FORMAT binary, NULL 'x')", '42601 cannot specify NULL in BINARY mode'],
    ['(FORMAT binary, HEADER)', '0A000 cannot specify HEADER in BINARY mode'],
    ["(FORMAT binary, QUOTE 'x')", '0A000 COPY quote available only in CSV mode'],
    ['(FORMAT parquet)', '22023 COPY format "parquet" not recognized'],
  ])('%s', async (options, expected) => {
    const [[, error]] = (await messagesOf(query(`COPY (SELECT 1) TO STDOUT ${options}`))) as [readonly [string, Buffer]]
    const fields = error.toString().split('\0')
    expect(`${fields[2]!.slice(1)} ${fields[3]!.slice(1)}`).toBe(expected)
  })
})

describe('what is read', () => {
  function read(text: string, pieceBytes = 1): string {
    const reader = new CopyBinaryReader(1)
    const data = bytes(text)
    try {
      for (let at = 0; at < data.length; at += pieceBytes) reader.feed(data.subarray(at, at + pieceBytes))
      reader.finish()
    } catch (error) {
      return (error as Error).message
    }
    const held = reader.heldBytes
    const shown = reader.take().map(({ fields, line }) => `${line}:${fields[0] === null ? 'null' : String(fields[0])}`)
    expect(reader.heldBytes).toBeLessThanOrEqual(held)
    return shown.join(' ')
  }
  const field = (text: string): string => `\0\x01\0\0\0${String.fromCharCode(text.length)}${text}`

  it.each([
    [`${header}${field('a')}${field('')}\0\x01\xff\xff\xff\xff\xff\xff`, '1:97 2: 3:null'],
    [`${header}${field('a')}`, '1:97'],
    [header, ''],
    ['PGCOPY\n\xff\r\n\0\0\0\0\x01\0\0\0\x03xyz\xff\xff', ''],
    ['', 'COPY file signature not recognized'],
    ['PGCOPY\n', 'COPY file signature not recognized'],
    [`PGCOPX${header.slice(6)}`, 'COPY file signature not recognized'],
    ['PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0', 'invalid COPY file header (WITH OIDS)'],
    ['PGCOPY\n\xff\r\n\0\0\x02\0\0\0\0\0\0', 'unrecognized critical flags in COPY file header'],
    ['PGCOPY\n\xff\r\n\0\0\0\0\0\xff\xff\xff\xff', 'invalid COPY file header (missing length)'],
    ['PGCOPY\n\xff\r\n\0\0\0\0\0\x7f\xff\xff\xff', 'invalid COPY file header (wrong length)'],
    [`${header}\0`, 'unexpected EOF in COPY data'],
    [`${header}\0\x01`, 'unexpected EOF in COPY data'],
    [`${header}\0\x01\0\0\0\x02a`, 'unexpected EOF in COPY data'],
    [`${header}\0\x02`, 'row field count is 2, expected 1'],
    [`${header}\xff\xfe`, 'row field count is -2, expected 1'],
    [`${header}\0\x01\xff\xff\xff\xfe`, 'invalid field size'],
    [`${header}\0\x01\x7f\xff\xff\xff`, 'a row of COPY is too long'],
    [`${header}\xff\xff\0`, 'received copy data after EOF marker'],
  ])('%j', (text, expected) => {
    for (const pieceBytes of [1, 3, 1000]) expect(read(text, pieceBytes)).toBe(expected)
  })

  it('what is written in steps is what is written at once', () => {
    const encoder = new CopyBinaryEncoder({ types: [25, 23, 1007] })
    const row = ['text', null, [1, 2]]
    const writer = new ByteWriter(64)
    encoder.write(row, writer)
    const steps = encoder.writeInSteps(row)
    let step = steps.next()
    while (step.done !== true) step = steps.next()
    expect(Buffer.from(step.value.toBytes())).toEqual(Buffer.from(writer.toBytes()))
  })
})
