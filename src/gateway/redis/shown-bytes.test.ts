/** What errors repeat of a request. */
import { expect, it } from 'vitest'
import { decodeShown, encodeShown } from './shown-bytes.ts'
import { openTestServer } from './testing.ts'

it.each([
  'abc',
  '\xc3\xa9\xe2\x82\xac',
  '\xff',
  'a\xffb\xc3',
  '\xc3\xa9\xff\xe2\x82',
  '\xed\xa0\x80',
  '\xf0\x9f\x98\x80\xf0',
  '\xef\xbf\xbd\xfe',
])('bytes %j come back as they were', (latin1) => {
  const bytes = Buffer.from(latin1, 'latin1')
  const text = decodeShown(bytes, 0, bytes.length)
  expect(Buffer.from(encodeShown(text) ?? text).toString('latin1')).toBe(latin1)
})

it('characters stay characters', () => {
  const bytes = Buffer.from('é�😀')
  expect(decodeShown(bytes, 0, bytes.length)).toBe('é�😀')
  expect(encodeShown('é�😀')).toBeUndefined()
})

// As redis-server 7.0.15 answers.
it.each([
  [['FOO\xff\x01\xfe'], "-ERR unknown command 'FOO\xff\x01\xfe', with args beginning with: "],
  [['FOO', 'a\xffb', '\xc3\xa9'], "-ERR unknown command 'FOO', with args beginning with: 'a\xffb' '\xc3\xa9' "],
  [['CLIENT', 'a\xff\n\rb'], "-ERR unknown subcommand 'a\xff  b'. Try CLIENT HELP."],
  [['EXPIRE', 'k', '10', 'x\xff\n\x00'], '-ERR Unsupported option x\xff'],
  [['CONFIG', 'SET', '\xffx', 'a'], "-ERR Unknown option or number of arguments for CONFIG SET - '\xffx'"],
])('%j', async (args, reply) => {
  const server = await openTestServer()
  expect(await server.connect().send(...args)).toBe(reply)
  await server.close()
})
