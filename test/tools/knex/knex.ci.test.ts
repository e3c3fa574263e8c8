/**
 * Knex and Objection, unmodified: migrations up and down, relations, enums, arrays, JSON, transactions, what they ask of the catalog.
 * What they print here is what they print of PostgreSQL 15, which `golden.txt` keeps.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServerProcess } from '../../end-to-end/server-process.ts'
import { installedCopy } from '../installed.ts'

let folder: string
let server: ServerProcess

beforeAll(async () => {
  folder = installedCopy(import.meta.dirname)
  server = await ServerProcess.start('--memory')
}, 300_000)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('Knex and Objection make, fill, ask and take down a schema as on PostgreSQL', () => {
  const address = `postgres://polylog@127.0.0.1:${server.port}/polylog`
  const { status, stdout } = spawnSync('node', ['tour.mjs', address], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(stdout.toString()).toBe(readFileSync(join(import.meta.dirname, 'golden.txt'), 'utf8'))
  expect(status).toBe(0)
})
