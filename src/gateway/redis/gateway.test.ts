import { describe, expect, it } from 'vitest'
import { sniffRedis } from './gateway.ts'

describe('the first bytes', () => {
  it.each([
    ['', 'more'],
    ['*', 'more'],
    ['*1', 'more'],
    ['*12\r', 'yes'],
    ['*1\r\n$4', 'yes'],
    ['*-1\r\n', 'yes'],
    ['*\r\n', 'more'],
    ['*a', 'more'],
    ['*abc', 'yes'],
    ['*\x00\x00\x00', 'no'],
    ['$\x00payload', 'yes'],
    ['\x00payload', 'yes'],
    ['*1234567890123456', 'yes'],
    ['PING', 'more'],
    ['PING\r\n', 'yes'],
    ['GET / HTTP/1.1', 'more'],
    ['GET / HTTP/1.1\r\n', 'no'],
    ['PRI * HTTP/2.0\r\n', 'no'],
    ['GET HTTP\r\n', 'yes'],
    ['\x00\x00\x00\x08', 'no'],
    ['\x16\x03\x01', 'no'],
    ['GET \x7f', 'no'],
    ['x'.repeat(70_000), 'no'],
  ])('%.20j: %s', (bytes, expected) => {
    expect(sniffRedis(Buffer.from(bytes, 'latin1'))).toBe(expected)
  })
})
