/**
 * SQLAlchemy with psycopg and Alembic, Debian's, unmodified: tables made, reflected, compared with what was meant, migrated; the
 * object mapper, isolation levels, named cursors. What is printed here is what is printed of PostgreSQL 15.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServerProcess } from '../../end-to-end/server-process.ts'

const python = '/usr/bin/python3'
const isInstalled = spawnSync(python, ['-c', 'import alembic, psycopg2, sqlalchemy']).status === 0
let server: ServerProcess

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
})
afterAll(() => server.stop())

test.skipIf(!isInstalled)('SQLAlchemy and Alembic do as on PostgreSQL', () => {
  const address = `postgres://polylog@127.0.0.1:${server.port}/polylog`
  const { status, stdout } = spawnSync(python, ['-W', 'ignore', 'tour.py', address], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(stdout.toString()).toBe(readFileSync(join(import.meta.dirname, 'golden.txt'), 'utf8'))
  expect(status).toBe(0)
})
