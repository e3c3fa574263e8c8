import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createRealNetwork } from './network.ts'

const network = createRealNetwork()
let folder: string

beforeEach(() => (folder = fs.mkdtempSync(path.join(tmpdir(), 'polylog-sockets-'))))
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }))

const at = (name: string): { host: string; port: number; path: string } => ({
  host: '',
  port: 0,
  path: path.join(folder, name),
})
const listen = (name: string): Promise<{ close(): Promise<void> }> =>
  network.listen(at(name), (socket) => socket.destroy())

test("a socket is its owner's alone, and goes with its listener", async () => {
  const listener = await listen('s')
  expect((fs.statSync(at('s').path).mode & 0o777).toString(8)).toBe('700')
  await listener.close()
  expect(fs.readdirSync(folder)).toEqual([])
})

test('what a process has left that was killed is replaced', async () => {
  const script = `require('net').createServer().listen(${JSON.stringify(at('s').path)}, () => console.log('here'))`
  const child = spawn(process.execPath, ['-e', script])
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await expect(listen('s')).rejects.toMatchObject({ code: 'address-in-use' })
  expect(fs.existsSync(at('s').path)).toBe(true)
  const ended = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  expect(fs.existsSync(at('s').path)).toBe(true)
  await (await listen('s')).close()
})

test('a file that is no socket stays, and a path that is too long is refused whole', async () => {
  fs.writeFileSync(at('file').path, 'precious')
  await expect(listen('file')).rejects.toMatchObject({ code: 'address-in-use' })
  expect(fs.readFileSync(at('file').path, 'utf8')).toBe('precious')
  await expect(listen('x'.repeat(120))).rejects.toMatchObject({ code: 'no-address' })
  expect(fs.readdirSync(folder)).toEqual(['file'])
})

test('the mask of the process is as it was', async () => {
  const before = process.umask()
  await (await listen('s')).close()
  expect(process.umask()).toBe(before)
})
