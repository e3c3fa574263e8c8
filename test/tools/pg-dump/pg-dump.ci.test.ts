/**
 * pg_dump 15, unmodified: out of Polylog and restored into PostgreSQL, out of that and restored into Polylog. Each dump is the
 * same text as the one before.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isPostgresInstalled, type RealPostgres, startRealPostgres } from '../../differential/postgres/real-postgres.ts'
import { ServerProcess } from '../../end-to-end/server-process.ts'

const binaries = '/usr/lib/postgresql/15/bin'
const isInstalled = isPostgresInstalled() && existsSync(join(binaries, 'pg_dump'))
let server: ServerProcess
let postgres: RealPostgres

beforeAll(async () => {
  if (!isInstalled) return
  server = await ServerProcess.start('--memory')
  postgres = await startRealPostgres()
}, 60_000)
afterAll(async () => {
  if (!isInstalled) return
  await server.kill()
  await postgres.stop()
})

function run(tool: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(join(binaries, tool), args, {
    input,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], PGTZ: 'UTC', LANG: 'C.UTF-8' },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
}

function psql(port: number, database: string, text: string, user = 'polylog'): void {
  const at = ['-h', '127.0.0.1', '-p', `${port}`, '-U', user, '-d', database]
  run('psql', ['-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', ...at], text)
}

/** Without its own version, and the key that each has of its own. */
function dump(port: number, database: string): string {
  const text = run('pg_dump', ['-h', '127.0.0.1', '-p', `${port}`, '-U', 'polylog', database])
  return text.replaceAll(/^(-- Dumped (from|by) .*|\\(un)?restrict .*)\n/gm, '')
}

/** PostgreSQL says where the value of a domain is taken for one of its type. */
function inItsWords(text: string): string {
  return text.replaceAll('"left"(email, 1)', '"left"((email)::text, 1)')
}

test.skipIf(!isInstalled)('what is dumped of one is the same when it was restored into the other', () => {
  const schema = readFileSync(join(import.meta.dirname, '..', 'psql', 'schema.sql'), 'utf8')
  psql(server.port, 'polylog', schema)
  psql(postgres.port, 'postgres', 'create role polylog superuser login', 'postgres')
  for (const role of ['seller', 'buyer']) psql(postgres.port, 'postgres', `create role ${role}`)
  psql(postgres.port, 'postgres', 'create database restored')
  psql(server.port, 'polylog', 'create database restored')

  const first = dump(server.port, 'polylog')
  expect(first).toContain('CREATE TABLE shop.customers')
  psql(postgres.port, 'restored', first)
  const second = dump(postgres.port, 'restored')
  expect(second).toBe(inItsWords(first))
  psql(server.port, 'restored', second)
  expect(inItsWords(dump(server.port, 'restored'))).toBe(second)
})
