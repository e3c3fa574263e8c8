/** Connections are charged from their first moment on; the one that finds no memory is told so in its protocol's words. */
import { createConnection, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ProcessMemory } from '../database/process-memory.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { Server } from './server.ts'
import { connectionBytes } from './newcomer.ts'

const mebibyte = 1024 * 1024
const memory = new ProcessMemory(40 * mebibyte, 0, Infinity)
const most = Math.floor(memory.connections.limitBytes / connectionBytes)
let opened: TestSessions
let server: Server

beforeAll(async () => {
  opened = await openTestSessions({ memory, sessions: { memory } })
  server = await Server.listen(opened.database.host, opened.sessions, { port: 0 })
})

afterAll(async () => {
  await server.close()
  await opened.close()
})

function startUp(): Buffer {
  const body = Buffer.from('user\0me\0database\0polylog\0\0')
  const head = Buffer.alloc(8)
  head.writeInt32BE(body.length + 8)
  head.writeInt32BE(196_608, 4)
  return Buffer.concat([head, body])
}

function connect(bytes: Uint8Array): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ port: server.port, host: '127.0.0.1' })
    socket.on('error', reject)
    socket.on('connect', () => socket.write(bytes, () => resolve(socket)))
  })
}

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; turns < 5_000 && !holds(); turns++) await new Promise((resolve) => setImmediate(resolve))
  expect(holds()).toBe(true)
}

/** All that the server says until it ends the connection, or `enough` has come. */
function answerTo(bytes: Uint8Array, enough: RegExp): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection({ port: server.port, host: '127.0.0.1' }, () => socket.write(bytes))
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (enough.test(text)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
  })
}

test('as many as there is memory for are served, the next one is told, and one that goes makes room', async () => {
  expect(most).toBeGreaterThan(100)
  const ping = Buffer.from('*1\r\n$4\r\nPING\r\n')
  // Of the last one nobody knows yet what it speaks.
  const sockets = await Promise.all(Array.from({ length: most - 1 }, () => connect(ping)))
  sockets.push(await connect(Buffer.from('*')))
  await until(() => memory.connections.usedBytes >= most * connectionBytes)
  expect(await answerTo(ping, /\n/)).toMatch(/^-OOM too many clients/)
  expect(await answerTo(startUp(), /\0\0$/)).toMatch(/SFATAL\0.*C53300\0.*too many clients/s)
  // Who was there is served all the same.
  const answered = new Promise<string>((resolve) => sockets[0]!.once('data', (chunk) => resolve(chunk.toString())))
  sockets[0]!.write(ping)
  expect(await answered).toContain('+PONG')
  sockets.pop()!.destroy()
  await until(() => memory.connections.usedBytes < most * connectionBytes)
  expect(await answerTo(ping, /\n/)).toBe('+PONG\r\n')
  for (const socket of sockets) socket.destroy()
  await until(() => memory.connections.usedBytes === 0)
})
