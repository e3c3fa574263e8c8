/**
 * TypeORM, Sequelize, pg-cursor, pg-query-stream and pg-copy-streams, unmodified: what they make of a schema, read back of the
 * catalogs and would change of it, relations, transactions, errors. What each prints here is what it prints of PostgreSQL 15.
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

test.each(['typeorm', 'sequelize', 'streams'])('%s does as on PostgreSQL', (tour) => {
  const address = `postgres://polylog@127.0.0.1:${server.port}/polylog`
  const { status, stdout } = spawnSync('node', [`${tour}.mjs`, address], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(stdout.toString()).toBe(readFileSync(join(import.meta.dirname, `${tour}.txt`), 'utf8'))
  expect(status).toBe(0)
})
