import { calculateObjectSize, deserialize, serialize, type Document } from 'bson'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ByteWriter } from '../../base/bytes.ts'
import { PolylogError } from '../../base/errors.ts'
import { FrameReader } from './frames.ts'
import { sniffMongodb } from './gateway.ts'
import { messageOf, openTestMongodb, type TestMongodb } from './testing.ts'
import { crc32c, opcode, parseMessage } from './wire.ts'

function query(document: Document): Uint8Array {
  const writer = new ByteWriter()
  writer.u32le(0)
  writer.u32le(1)
  writer.u32le(0)
  writer.u32le(opcode.query)
  writer.u32le(0)
  writer.utf8('admin.$cmd')
  writer.u8(0)
  writer.u32le(0)
  writer.u32le(1)
  writer.copy(serialize(document))
  writer.setU32le(0, writer.end)
  return writer.toBytes()
}

/** With flag 0 and a checksum behind it. */
function checksummed(document: Document): Uint8Array {
  const plain = messageOf(serialize(document), 1)
  const writer = new ByteWriter()
  writer.copy(plain)
  writer.setU32le(0, plain.length + 4)
  writer.u32le(crc32c(writer.bytes, 0, writer.end))
  return writer.toBytes()
}

describe('messages', () => {
  it('have the CRC-32C of its specification', () => {
    const digits = Buffer.from('123456789')
    expect(crc32c(digits, 0, 9).toString(16)).toBe('e3069283')
  })

  it('are checked against their checksum', () => {
    const bytes = checksummed({ ping: 1 })
    expect(parseMessage(bytes, 0, bytes.length).body.end).toBe(bytes.length - 4)
    bytes[30]! ^= 1
    expect(() => parseMessage(bytes, 0, bytes.length)).toThrow('checksum')
  })

  it('of any bytes parse or are refused, and nothing else', () => {
    const valid = messageOf(serialize({ find: 'a', filter: { b: [1, { c: 'd' }], e: /x/ } }))
    const damage = fc.array(fc.record({ at: fc.nat(valid.length - 1), byte: fc.nat(255) }), { maxLength: 4 })
    fc.assert(
      fc.property(damage, fc.nat(valid.length), (changes, cut) => {
        const bytes = valid.slice(0, valid.length - (cut % 5 === 0 ? cut : 0))
        for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte
        if (bytes.length < 16) return
        try {
          parseMessage(bytes, 0, bytes.length)
        } catch (error) {
          expect(error).toBeInstanceOf(PolylogError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('come whole out of any cutting of the stream', () => {
    const messages = [{ ping: 1 }, { a: 'x'.repeat(300) }, { b: [1, 2, 3] }].map((one) => messageOf(serialize(one)))
    const stream = Buffer.concat(messages)
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }), (cuts) => {
        const reader = new FrameReader(48_000_000)
        const found: Uint8Array[] = []
        let at = 0
        for (let i = 0; at < stream.length; i++) {
          const end = at + cuts[i % cuts.length]!
          reader.push(stream.subarray(at, end))
          at = end
          for (let frame = reader.next(1000); frame !== undefined; frame = reader.next(1000)) {
            found.push(frame.bytes.slice(frame.start, frame.end))
          }
        }
        expect(found.map((one) => Buffer.from(one).toString('hex'))).toEqual(
          messages.map((one) => Buffer.from(one).toString('hex')),
        )
      }),
    )
  })
})

describe('recognition', () => {
  it('knows both handshakes, byte by byte', () => {
    for (const bytes of [query({ isMaster: 1 }), messageOf(serialize({ hello: 1 }))]) {
      for (let i = 0; i < 16; i++) expect(sniffMongodb(bytes.subarray(0, i))).toBe('more')
      expect(sniffMongodb(bytes)).toBe('yes')
    }
  })

  it('leaves other protocols alone', () => {
    const others = [
      '*1\r\n$4\r\nPING\r\n',
      'PING\r\n',
      'GET / HTTP/1.1\r\n',
      '\x00\x00\x00\x08\x04\xd2\x16\x2f',
      '\x00\x00\x00\x4d\x00\x03\x00\x00user\x00postgres\x00',
      '\x04\x00\x00\x00\x05\x00\x00\x00\x00',
      '\x60\x60\xb0\x17\x00\x00\x04\x04\x00\x00\x00\x04',
      '\x16\x03\x01\x02\x00\x01\x00\x01',
    ]
    for (const text of others) expect([text, sniffMongodb(Buffer.from(text, 'latin1'))]).toEqual([text, 'no'])
  })
})

describe('a connection', () => {
  let server: TestMongodb
  beforeAll(async () => {
    server = await openTestMongodb()
  })
  afterAll(() => server.close())

  it('answers the legacy handshake in its own form', async () => {
    const raw = await server.connect()
    raw.send(query({ isMaster: 1, helloOk: true }))
    const reply = deserialize((await raw.reply())!)
    expect(reply).toMatchObject({ ismaster: true, msg: 'isdbgrid', maxWireVersion: 21, minWireVersion: 0, ok: 1 })
    expect(reply).not.toHaveProperty('hosts')
    raw.destroy()
  })

  it('answers several commands of one chunk in order', async () => {
    const raw = await server.connect()
    raw.send(Buffer.concat([messageOf(serialize({ ping: 1 })), messageOf(serialize({ nonsense: 1, $db: 'a' }))]))
    expect(deserialize((await raw.reply())!)).toMatchObject({ ok: 1 })
    expect(deserialize((await raw.reply())!)).toMatchObject({ ok: 0, code: 59, codeName: 'CommandNotFound' })
    raw.destroy()
  })

  it('does not answer what wants no answer, and does it', async () => {
    const raw = await server.connect()
    raw.send(messageOf(serialize({ insert: 'quiet', documents: [{ _id: 1 }], writeConcern: { w: 0 }, $db: 'a' }), 2))
    const reply = deserialize((await raw.command(serialize({ count: 'quiet', $db: 'a' })))!)
    expect(reply).toMatchObject({ n: 1, ok: 1 })
    raw.destroy()
  })

  it('closes on what is no message', async () => {
    const bad = [
      Buffer.alloc(16, 0xff),
      messageOf(serialize({ ping: 1 }), 0x8000),
      Buffer.concat([messageOf(serialize({ ping: 1 })).subarray(0, 20), Buffer.from([7, 1, 2, 3])]),
    ]
    for (const bytes of bad) {
      const raw = await server.connect()
      raw.send(bytes)
      raw.send(Buffer.alloc(64))
      await raw.closed
    }
  })

  it('takes no large message before the handshake, and none over the limit after it', async () => {
    const early = await server.connect()
    early.send(messageOf(serialize({ ping: 1, filler: 'x'.repeat(20_000) })))
    await early.closed
    const late = await server.connect()
    await late.command(serialize({ hello: 1 }))
    const header = new ByteWriter()
    for (const value of [50_000_000, 1, 0, opcode.message]) header.u32le(value)
    late.send(header.toBytes())
    await late.closed
  })

  it('refuses fields that it does not know, and damaged documents', async () => {
    const raw = await server.connect()
    await raw.command(serialize({ hello: 1 }))
    const unknown = deserialize((await raw.command(serialize({ find: 'a', teleport: true, $db: 'a' })))!)
    expect(unknown).toMatchObject({ code: 40_415, errmsg: "BSON field 'find.teleport' is an unknown field." })
    const none = deserialize((await raw.command(serialize({ find: 'a' })))!)
    expect(none).toMatchObject({ code: 40_571 })
    raw.destroy()
  })

  it('hands on results larger than its output budget, batch by batch', async () => {
    const raw = await server.connect()
    const run = async (document: Document): Promise<Document> => deserialize((await raw.command(serialize(document)))!)
    await run({ hello: 1 })
    const filler = 'y'.repeat(1_000_000)
    for (let _id = 0; _id < 8; _id++) await run({ insert: 'big', documents: [{ _id, filler }], $db: 'a' })
    const first = await run({ find: 'big', $db: 'a' })
    expect(calculateObjectSize(first)).toBeLessThan(6_000_000)
    let count = first['cursor'].firstBatch.length as number
    let id = first['cursor'].id as bigint
    while (String(id) !== '0') {
      const next = await run({ getMore: id, collection: 'big', $db: 'a' })
      count += next['cursor'].nextBatch.length as number
      id = next['cursor'].id as bigint
    }
    expect(count).toBe(8)
    raw.destroy()
  })
})
