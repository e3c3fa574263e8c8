/** `polylog verify` as people call it: of a directory and of a running server, with its exit codes and its report. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { runPolylog, ServerProcess, withFolder } from './server-process.ts'

async function fill(folder: string): Promise<ServerProcess> {
  const server = await ServerProcess.start('--data', folder)
  const redis = new Redis(server.port)
  await redis.zadd('points', -1, 'ada', 2, 'bob')
  await redis.set('greeting', 'hello', 'EX', 1000)
  redis.disconnect()
  const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'test', database: 'polylog' })
  await client.connect()
  await client.query('CREATE TABLE t (a int PRIMARY KEY, b text UNIQUE)')
  await client.query("INSERT INTO t VALUES (1, 'one'), (2, NULL)")
  await client.end()
  return server
}

/** Every file below the folder, but for what a lock leaves, and names of a log's segment: a database's first start makes one. */
function contentsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).filter((path) => !/LOCK|newest-/.test(path))
  return Object.fromEntries(paths.map((path) => [path, createHash('sha256').update(readFileSync(path)).digest('hex')]))
}

describe('polylog verify', () => {
  test('finds nothing in a server that runs, nor in its directory afterwards', () =>
    withFolder(async (outer) => {
      const folder = join(outer, 'data')
      const server = await fill(folder)
      const online = await runPolylog('verify', '--url', `postgres://127.0.0.1:${server.port}/polylog`)
      expect(online).toMatchObject({ status: 0, stdout: 'polylog: 0 differences\n' })
      expect((await runPolylog('verify', '--data', folder)).status).toBe(3)
      await server.stop()
      const json = join(outer, 'report.json')
      const offline = await runPolylog('verify', '--data', folder, '--json', json)
      expect(offline.stdout).toMatch(
        /^polylog: \d+ keys, \d+ records of the log, \d+ entries of the checkpoint, 0 differences\n$/,
      )
      expect(offline.status).toBe(0)
      const report = JSON.parse(readFileSync(json, 'utf8')) as {
        total: number
        databases: { name: string; keys: number }[]
      }
      expect(report).toMatchObject({ total: 0, databases: [{ name: 'polylog', differences: [] }] })
      expect(report.databases[0]!.keys).toBeGreaterThan(10)
    }))

  test('ends with 4 and says where, where the directory is damaged', () =>
    withFolder(async (folder) => {
      await (await fill(folder)).stop()
      const databases = join(folder, 'databases')
      const base = join(databases, readdirSync(databases)[0]!, 'checkpoint')
      const checkpoint = join(base, readdirSync(base)[0]!)
      const entries = readdirSync(checkpoint)
        .map((name) => join(checkpoint, name))
        .sort((a, b) => statSync(b).size - statSync(a).size)[0]!
      const content = readFileSync(entries)
      content[content.length >> 1]! ^= 1
      writeFileSync(entries, content)
      const { status, stderr } = await runPolylog('verify', '--data', folder)
      expect(status).toBe(4)
      expect(stderr).toContain('checksum')

      rmSync(join(folder, 'FORMAT'))
      const lost = await runPolylog('verify', '--data', folder)
      expect(lost.status).toBe(4)
      expect(lost.stderr).toContain('FORMAT is missing, and there are databases')
    }))

  test('looks at every database, and changes no file, where one cannot be opened', () =>
    withFolder(async (folder) => {
      const server = await fill(folder)
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'test', database: 'polylog' })
      client.on('error', () => undefined)
      await client.connect()
      await client.query('CREATE DATABASE second')
      await server.kill()
      const before = contentsOf(folder)
      const whole = await runPolylog('verify', '--data', folder)
      expect([whole.status, whole.stdout.match(/^\w+: .* 0 differences$/gm)]).toEqual([
        0,
        Array(2).fill(expect.anything()),
      ])
      const after = contentsOf(folder)
      expect(after).toMatchObject(before)
      expect(Object.keys(after).filter((path) => path.includes('checkpoint'))).toEqual([])
      const databases = join(folder, 'databases')
      for (const uuid of readdirSync(databases)) {
        if (readFileSync(join(databases, uuid, 'name'), 'utf8') !== 'polylog') continue
        const log = join(databases, uuid, 'log')
        const segment = join(
          log,
          readdirSync(log).find((name) => name.endsWith('.log'))!,
        )
        const content = readFileSync(segment)
        content[600]! ^= 1
        writeFileSync(segment, content)
      }
      const { status, stdout } = await runPolylog('verify', '--data', folder)
      expect(status).toBe(4)
      expect(stdout).toMatch(/^polylog: unreadable: database: cannot be opened: .*\.log\+512: no valid frame here/m)
      expect(stdout).toMatch(/^second: .* 0 differences$/m)
    }))

  test('names a byte of an engine that the disk has changed, of a server that runs and of its directory', () =>
    withFolder(async (folder) => {
      const server = await fill(folder)
      const client = new pg.Client({ host: '127.0.0.1', port: server.port, user: 'test', database: 'polylog' })
      await client.connect()
      await client.query("CREATE TABLE kept (a int PRIMARY KEY, b text) WITH (engine = 'sorted')")
      await client.query("INSERT INTO kept SELECT i, 'row ' || i FROM generate_series(1, 1000) i")
      await client.end()
      await server.stop()
      const whole = await runPolylog('verify', '--data', folder)
      expect(whole.stdout).toMatch(/, 1000 entries of engines, 0 differences\n$/)
      const base = join(folder, 'databases', readdirSync(join(folder, 'databases'))[0]!, 'sorted')
      const file = join(base, readdirSync(base)[0]!)
      const content = readFileSync(file)
      content[9000]! ^= 1
      writeFileSync(file, content)
      const named = `polylog: unreadable: engine sorted: sorted file ${file} is damaged at byte`
      const again = await ServerProcess.start('--data', folder)
      const online = await runPolylog('verify', '--url', `postgres://127.0.0.1:${again.port}/polylog`)
      expect([online.status, online.stdout]).toEqual([4, expect.stringContaining(named)])
      await again.stop()
      const offline = await runPolylog('verify', '--data', folder)
      expect([offline.status, offline.stdout]).toEqual([4, expect.stringContaining(named)])
      // A block holds some hundred rows.
      expect(offline.stdout.split('\n').length).toBeLessThan(12)
    }))

  test('makes no directory where none is, and says what it takes', () =>
    withFolder(async (folder) => {
      const { status, stderr } = await runPolylog('verify', '--data', join(folder, 'none'))
      expect(status).toBe(1)
      expect(stderr).toContain('is no data directory')
      expect(readdirSync(folder)).toEqual([])
      for (const wrong of [['--url', 'http://x'], ['--data', 'a', '--url', 'postgres://x'], ['--fast']]) {
        expect((await runPolylog('verify', ...wrong)).status).toBe(2)
      }
      const nobody = await runPolylog('verify', '--url', 'postgres://127.0.0.1:1/polylog')
      expect(nobody.status).toBe(1)
    }))
})
