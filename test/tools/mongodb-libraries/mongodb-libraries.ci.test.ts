/** Libraries that stand on MongoDB, unmodified: sessions of Express, Agenda's jobs, and a shop by Mongoose. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServerProcess } from '../../end-to-end/server-process.ts'
import { installedCopy } from '../installed.ts'

let folder: string
let server: ServerProcess

beforeAll(async () => {
  folder = installedCopy(import.meta.dirname)
  const binary = join(process.cwd(), 'dist', 'cli', 'polylog.js')
  server = await ServerProcess.run([binary, 'serve', '--port', '0', '--memory'], process.cwd())
}, 300_000)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

function outputOf(name: string): unknown {
  const args = ['--no-warnings', 'libraries.mjs', name, `${server.port}`]
  const { status, stdout } = spawnSync('node', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  expect(status).toBe(0)
  return JSON.parse(stdout.toString())
}

test('connect-mongo keeps sessions, which end by an index', () => {
  const indexes = [{ key: { _id: 1 } }, { key: { expires: 1 }, expireAfterSeconds: 0 }]
  expect(outputOf('sessions')).toEqual({ user: 'ada', indexes, late: null, gone: null, left: 0 })
}, 60_000)

test('Agenda: two workers run each job once, and cancel what was not to run yet', () => {
  expect(outputOf('agenda')).toEqual({ ran: Array.from({ length: 20 }, (_, i) => i), total: 1, canceled: 1 })
}, 60_000)

test('Mongoose: schemas, references, kinds, hooks, transactions, and a stream of changes', () => {
  expect(outputOf('mongoose')).toEqual({
    balance: '4.50',
    tags: ['b', 'c', 'd'],
    orders: [
      [null, 'tea'],
      ['Gift', 'cup'],
    ],
    near: ['Ada', 'Bob'],
    totals: [{ total: 15, name: 'Ada' }],
    scripted: ['Ada'],
    heard: [
      ['insert', null],
      ['insert', 'Gift'],
      ['update', 'Gift'],
    ],
    failures: [11_000, 'ValidationError', 'not so', 'VersionError'],
    indexes: [0, 0],
  })
}, 60_000)
