import { expect, it } from 'vitest'
import { encodeCommand, openTestServer } from './testing.ts'

/** The change of session flushes what was written before it, which must not reach into its own reply. */
it.each([
  [['RESET'], '+RESET'],
  [['AUTH', 'somebody', 'password'], '+OK'],
])('%j is answered right behind other replies', async (command, answer) => {
  const server = await openTestServer()
  const client = server.connect()
  const long = 'x'.repeat(100)
  client.sendBytes(Buffer.concat([encodeCommand(['ECHO', long]), encodeCommand(command), encodeCommand(['PING'])]))
  expect(await client.next()).toBe(`"${long}"`)
  expect(await client.next()).toBe(answer)
  expect(await client.next()).toBe('+PONG')
  await server.close()
})
