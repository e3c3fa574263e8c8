/**
 * Scripts of commands whose replies were recorded from Redis 7.0.15: ours must be the same, byte for byte after rendering.
 * `REWRITE=1 REDIS_PORT=n` records them anew from a real server at that port, which it empties.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyDatabase } from '../../session/verification.ts'
import { allKeys } from './key-rules.ts'
import { encodeCommand, openTestServer, openTestServerWithUsers, renderReply, type TestServer } from './testing.ts'
import { splitWords } from './wire.ts'

const folder = new URL('golden/', import.meta.url)

function readScript(name: string): { commands: string[]; text: string } {
  const text = readFileSync(new URL(name, folder), 'utf8')
  const commands = text
    .split('\n')
    .filter((line) => line.startsWith('> '))
    .map((line) => line.slice(2))
  return { commands, text }
}

/** KEYS comes in any order from Redis; a connection's number is its own. */
function normalize(command: string, reply: string): string {
  if (/^hello /i.test(command)) return reply.replace(/"id" :\d+/, '"id" :n')
  if (!/^keys /i.test(command) || !reply.startsWith('[')) return reply
  return `[${reply.slice(1, -1).split(' ').sort().join(' ')}]`
}

async function perform(commands: readonly string[], send: (line: string) => Promise<string>): Promise<string> {
  const lines: string[] = []
  for (const command of commands) lines.push(`> ${command}`, normalize(command, await send(command)))
  return `${lines.join('\n')}\n`
}

async function record(commands: readonly string[], port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let received: Buffer = Buffer.alloc(0)
  let isClosed = false
  socket.on('data', (chunk) => (received = Buffer.concat([received, chunk])))
  socket.on('close', () => (isClosed = true))
  const send = async (line: string): Promise<string> => {
    const bytes = Buffer.from(line, 'latin1')
    socket.write(encodeCommand(splitWords({ bytes, start: 0, end: bytes.length })!))
    for (;;) {
      const reply = renderReply(received)
      if (reply !== undefined) {
        received = received.subarray(reply.end)
        return reply.text
      }
      if (isClosed) return '(closed)'
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await send('FLUSHALL')
  const text = await perform(commands, send)
  socket.destroy()
  return text
}

describe('replies as Redis gives them', () => {
  let server: TestServer
  beforeEach(async () => {
    server = await openTestServer()
  })
  afterEach(() => server.close())

  it('acl.txt', async () => {
    const { commands, text } = readScript('acl.txt')
    if (process.env['REWRITE'] === '1') {
      writeFileSync(new URL('acl.txt', folder), await record(commands, Number(process.env['REDIS_PORT'])))
      return
    }
    const users = await openTestServerWithUsers()
    // As Redis has it from the start; here somebody must have made it.
    const redis = { isOpen: true, keys: [allKeys], channels: ['*'] }
    await users.sessions.principals.create('default', { login: true, superuser: true, redis })
    const client = users.connect()
    expect(await perform(commands, (line) => client.sendLine(line))).toBe(text)
    await users.close()
  })

  it('cluster.txt', async () => {
    const { commands, text } = readScript('cluster.txt')
    if (process.env['REWRITE'] === '1') {
      writeFileSync(new URL('cluster.txt', folder), await record(commands, Number(process.env['REDIS_PORT'])))
      return
    }
    const node = await openTestServer({}, { clusterEnabled: true })
    const client = node.connect()
    expect(await perform(commands, (line) => client.sendLine(line))).toBe(text)
    await node.close()
  })

  it.each(readdirSync(folder).filter((name) => name !== 'acl.txt' && name !== 'cluster.txt'))('%s', async (name) => {
    const { commands, text } = readScript(name)
    if (process.env['REWRITE'] === '1') {
      writeFileSync(new URL(name, folder), await record(commands, Number(process.env['REDIS_PORT'])))
      return
    }
    const client = server.connect()
    expect(await perform(commands, (line) => client.sendLine(line))).toBe(text)
    expect((await verifyDatabase(server.sessions, server.database)).differences).toEqual([])
  })
})
