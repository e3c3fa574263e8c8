import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parseReadyLine, startPolylog } from './polylog-server.ts'

/** A folder with a program in the binary's place. */
function makeRoot(program: string): string {
  const root = mkdtempSync(join(tmpdir(), 'polylog-server-'))
  onTestFinished(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'dist/cli'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'dist/cli/polylog.js'), program)
  return root
}

const readyAndWaiting = `
  if (process.argv.slice(2).join(' ') !== 'serve --memory --host 127.0.0.1 --port 0') process.exit(2)
  console.log('polylog ready host=127.0.0.1 port=4321 pid=1 data=memory')
  setInterval(() => {}, 1000)
`

test('a server that is ready says where it is, and ends when it is asked to', async () => {
  const root = makeRoot(`process.on('SIGTERM', () => process.exit(0))\n${readyAndWaiting}`)
  const server = await startPolylog(root)
  expect(server).toMatchObject({ host: '127.0.0.1', port: 4321 })
  await server.stop()
})

test('a server that does not end with status 0 is a fault', async () => {
  const server = await startPolylog(makeRoot(readyAndWaiting))
  await expect(server.stop()).rejects.toThrow('polylog serve ended with SIGTERM')
})

test('a server that ends before it is ready is a fault', async () => {
  await expect(startPolylog(makeRoot('process.exit(3)'))).rejects.toThrow('polylog serve ended before it was ready (3)')
})

test('a server that says something else first is ended', async () => {
  const root = makeRoot("console.log('hello'); setInterval(() => {}, 1000)")
  await expect(startPolylog(root)).rejects.toThrow('not a ready line: hello')
})

test('the ready line', () => {
  expect(parseReadyLine('polylog ready host=127.0.0.1 port=7654 pid=1 data=/data')).toEqual({
    host: '127.0.0.1',
    port: 7654,
  })
  expect(() => parseReadyLine('listening')).toThrow('not a ready line: listening')
})
