import { describe, expect, it } from 'vitest'
import { readOptions, readStartupPacket, sniffPostgres } from './startup.ts'

const sslRequest = [0, 0, 0, 8, 4, 210, 22, 47]

describe('sniffing', () => {
  it('waits for as many bytes as it takes', () => {
    for (let length = 0; length < 8; length++)
      expect(sniffPostgres(new Uint8Array(sslRequest.slice(0, length)))).toBe('more')
    expect(sniffPostgres(new Uint8Array(sslRequest))).toBe('yes')
  })

  it.each([
    ['RESP', '*1\r\n'],
    ['HTTP', 'GET / HTTP/1.1'],
    ['an OP_MSG header', '\x40\0\0\0\x01\0\0\0\0\0\0\0\xdd\x07\0\0'],
    ['TLS', '\x16\x03\x01\0\0\0\0\0'],
    ['too long a packet', '\0\0\x7f\xff\0\x03\0\0'],
    ['an unknown code', '\0\0\0\x08\0\x09\0\0'],
  ])('says no to %s', (_, text) => {
    expect(sniffPostgres(Buffer.from(text, 'latin1'))).toBe('no')
  })
})

function packet(code: number[], rest: string): Uint8Array {
  const body = Buffer.concat([Buffer.from(code), Buffer.from(rest, 'latin1')])
  return Buffer.concat([Buffer.from([0, 0, 0, body.length + 4]), body])
}

describe('the start-up packet', () => {
  it('names its parameters, whatever their names', () => {
    const read = readStartupPacket(packet([0, 3, 0, 0], 'user\0me\0__proto__\0x\0\0'))
    expect(read).toMatchObject({ kind: 'startup', version: 3 << 16 })
    expect(read?.kind === 'startup' ? [...read.parameters] : undefined).toEqual([
      ['user', 'me'],
      ['__proto__', 'x'],
    ])
  })

  it.each(['user', 'user\0me', 'user\0me\0', 'user\0me\0\0\0'])('must end where its length says: %j', (rest) => {
    expect(() => readStartupPacket(packet([0, 3, 0, 0], rest))).toThrow('invalid startup packet layout')
  })

  it('may ask to cancel', () => {
    expect(readStartupPacket(packet([4, 210, 22, 46], '\0\0\0\x07\x80\0\0\x01'))).toMatchObject({
      kind: 'cancel',
      process: 7,
      secret: 0x8000_0001,
    })
    expect(() => readStartupPacket(packet([4, 210, 22, 46], '\0\0\0\x07'))).toThrow('invalid length')
  })
})

it('reads settings from the options parameter', () => {
  expect(readOptions('-c search_path=a,b --time-zone=UTC -cx=y\\ z')).toEqual([
    ['search_path', 'a,b'],
    ['time_zone', 'UTC'],
    ['x', 'y z'],
  ])
  expect(() => readOptions('-x')).toThrow('invalid command-line argument')
})
