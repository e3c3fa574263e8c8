import { expect, test } from 'vitest'
import { openTestSessions } from '../session/testing.ts'
import { Server } from './server.ts'

test('a server that closes leaves the sessions alone that it has not opened', async () => {
  const { sessions, database, close } = await openTestSessions()
  const own = sessions.openSession({ user: 'library', door: 'library' })
  own.begin()
  const server = await Server.listen(database.host, sessions, { port: 0 })
  await server.close()
  expect(own.status).toBe('open')
  expect(await own.commit()).toBe('committed')
  await close()
})
