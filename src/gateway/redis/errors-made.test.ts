/** An error costs as much as a command, since it remembers where it was made: none is made that is not the answer. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CommandError } from './errors.ts'
import { openTestServer } from './testing.ts'

let made: string[] = []

class Counted extends Error {
  constructor(message: string) {
    super(message)
    made.push(message)
  }
}

beforeAll(() => void Object.setPrototypeOf(CommandError, Counted))
afterAll(() => void Object.setPrototypeOf(CommandError, Error))

const folder = new URL('golden/', import.meta.url)
const scripts = readdirSync(folder).filter(
  (name) => !/^(acl|out-of-memory|functions|scripting|script-errors)/.test(name),
)

it.each(scripts)('%s', async (name) => {
  const lines = readFileSync(new URL(name, folder), 'utf8').split('\n')
  const server = await openTestServer()
  const client = server.connect()
  const needless: string[] = []
  for (const line of lines.filter((each) => each.startsWith('> '))) {
    made = []
    const reply = await client.sendLine(line.slice(2))
    if (made.length > 0 && !reply.includes('-')) needless.push(`${line}: ${made.join(', ')}`)
  }
  await server.close()
  expect(needless).toEqual([])
})
