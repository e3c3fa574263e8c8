import fs from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock.ts'

/** The lock's conversation with others, played by the test; real processes race in `processes.test.ts`. */
let folder: string
const servers: net.Server[] = []

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(tmpdir(), 'polylog-lock-'))
})

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  fs.rmSync(folder, { recursive: true })
})

/** Someone who listens at a name in the folder and does what the test says when asked. */
async function other(onAsked: (socket: net.Socket, times: number) => void): Promise<net.Server> {
  let times = 0
  const server = net.createServer((socket) => {
    times += 1
    onAsked(socket, times)
  })
  servers.push(server)
  await new Promise<void>((resolve) => void server.listen(path.join(folder, '999-ab'), resolve))
  return server
}

test('while another contends nobody gets it; when it leaves, we do', async () => {
  let asked = 0
  const server = await other((socket, times) => {
    asked = times
    socket.end('contending', () => {
      if (times === 3) server.close()
    })
  })
  const held = await lockFolder(folder)
  expect(asked).toBe(3)
  expect(fs.readdirSync(folder)).toHaveLength(1)
  await held.release()
})

test('when the other contender has got it, we have lost, and are told to whom', async () => {
  await other((socket, times) => socket.end(times < 3 ? 'contending' : 'held'))
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'locked', pid: 999 })
  expect(fs.readdirSync(folder)).toEqual(['999-ab'])
})

test('a holder that is too busy to answer is still a holder', async () => {
  await other(() => {})
  await expect(lockFolder(folder, 50)).rejects.toMatchObject({ code: 'locked', pid: 999 })
})

test('other things in the folder are left alone', async () => {
  fs.writeFileSync(path.join(folder, 'README'), 'text')
  const held = await lockFolder(folder)
  await held.release()
  expect(fs.readdirSync(folder)).toEqual(['README'])
})
