/** How the command ends: its exit codes and what it says, which scripts rely on. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { runPolylog, ServerProcess, withFolder } from './server-process.ts'

const serveOn = (folder: string): Promise<ServerProcess> => ServerProcess.start('--data', folder)
const tryToServe = (folder: string) => runPolylog('serve', '--port', '0', '--data', folder)

/** Sets keys and stops, so that the log has records. */
async function fill(folder: string, end: 'stop' | 'kill' = 'stop'): Promise<void> {
  const server = await serveOn(folder)
  const redis = new Redis(server.port)
  for (let number = 0; number < 20; number++) await redis.set(`key:${number}`, 'value '.repeat(100))
  redis.disconnect()
  await server[end]()
}

async function oneReply(port: number, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(port, { retryStrategy: () => null })
  try {
    return await redis.call(command, ...args)
  } finally {
    redis.disconnect()
  }
}

function databaseIn(folder: string): string {
  const databases = join(folder, 'databases')
  return join(databases, readdirSync(databases)[0]!)
}

/** The lines of one level that it logged. */
function loggedAt(level: string, stderr: string): Record<string, unknown>[] {
  const lines = stderr.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['level'] === level)
}

/** The newest log segment's path. */
function segmentIn(folder: string): string {
  const log = join(databaseIn(folder), 'log')
  const segments = readdirSync(log).filter((name) => statSync(join(log, name)).size > 4096)
  return join(log, segments.sort()[0]!)
}

describe('the end of serve', () => {
  test('a stop by SIGTERM or SIGINT is clean', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await ServerProcess.start('--memory')
      expect(server.readyLine).toMatch(/^polylog ready host=127\.0\.0\.1 port=\d+ pid=\d+ data=memory$/)
      const redis = new Redis(server.port, { retryStrategy: () => null })
      expect(await redis.ping()).toBe('PONG')
      expect(await server.stop(signal)).toMatchObject({ status: 0, stdout: `${server.readyLine}\n` })
      redis.disconnect()
    }
  })

  test.each([
    ['before the log needs a next segment', 5],
    // Three of these fill the first segment of a log, and the next one has no folder to be made in.
    ['and the log needs a next segment', 60_000],
  ])('a data directory that is removed under it, %s, is said, refuses writes, and ends with 1', (_, bytes) =>
    withFolder(async (folder) => {
      const server = await serveOn(folder)
      await oneReply(server.port, 'SET', 'key', 'value')
      rmSync(folder, { recursive: true })
      let refusal = ''
      // A write whose outcome is unknown closes its connection, so each has one of its own.
      for (let tries = 0; tries < 100 && !refusal.includes('directory is lost'); tries++) {
        refusal = await oneReply(server.port, 'SET', 'other', 'v'.repeat(bytes)).then(
          String,
          (error: unknown) => (error as Error).message,
        )
        if (bytes < 1000 || refusal.startsWith('READONLY')) await new Promise((resolve) => setTimeout(resolve, 100))
      }
      expect(refusal).toMatch(/^READONLY .*data directory is lost/)
      expect(await oneReply(server.port, 'GET', 'key')).toBe('value')
      const { status, stderr } = await server.stop()
      expect(status).toBe(1)
      expect(loggedAt('error', stderr)[0]!['message']).toContain('was removed, renamed or replaced')
    }),
  )

  test('what it logs is one JSON object a line', async () => {
    const server = await ServerProcess.start('--memory')
    const { stderr } = await server.stop()
    const lines = stderr.trimEnd().split('\n')
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(JSON.parse(line)).toHaveProperty('message')
  })

  test('wrong usage is 2, with the usage', async () => {
    const wrong = [
      [],
      ['frobnicate'],
      ['serve', '--frobnicate'],
      ['serve', '--port', '70000'],
      ['serve', '--port', 'x'],
      ['serve', '--memory', '--data', 'x'],
      ['serve', '--data', ''],
      ['serve', '--durability', 'never'],
      ['serve', '--config', '/nowhere/polylog.json'],
      ['serve', 'DIR'],
    ]
    const ends = await Promise.all(wrong.map((args) => runPolylog(...args)))
    for (const [index, { status, stderr, stdout }] of ends.entries()) {
      expect({ args: wrong[index], status, stdout }).toEqual({ args: wrong[index], status: 2, stdout: '' })
      expect(stderr).toContain('Usage: polylog serve')
    }
  })

  test('help and version are answered', async () => {
    expect(await runPolylog('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('Usage:') })
    expect(await runPolylog('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  test('an address that is not loopback is 1, because there are no credentials', async () => {
    const { status, stderr } = await runPolylog('serve', '--memory', '--port', '0', '--host', '0.0.0.0')
    expect(status).toBe(1)
    expect(stderr).toContain('only loopback')
  })

  test('a port in use is 1 and named', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    const { status, stderr } = await runPolylog('serve', '--memory', '--port', String(port))
    other.close()
    expect(status).toBe(1)
    expect(stderr).toContain(String(port))
    expect(stderr).toContain('in use')
    expect(stderr).not.toContain('    at ')
  })
})

describe('a data directory', () => {
  test('in use by another process is 3, and that process goes on', () =>
    withFolder(async (folder) => {
      const server = await serveOn(folder)
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(3)
      expect(stderr).toContain(folder)
      expect(stderr).toContain(String(server.pid))
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))

  test('left by a killed process is free', () =>
    withFolder(async (folder) => {
      const server = await serveOn(folder)
      await server.kill()
      const next = await serveOn(folder)
      expect(await next.stop()).toMatchObject({ status: 0 })
    }))

  test('of a newer format is 1 and stays untouched', () =>
    withFolder(async (folder) => {
      await fill(folder)
      writeFileSync(join(folder, 'FORMAT'), '999\n')
      const before = readFileSync(segmentIn(folder))
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(1)
      expect(stderr).toMatch(/999.*newer/)
      expect(readFileSync(segmentIn(folder)).equals(before)).toBe(true)
    }))

  test('whose format is no number is 4', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'FORMAT'), 'garbage')
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toContain('FORMAT')
    }))

  test('with a damaged record in the midst of its log is 4, with the place', () =>
    withFolder(async (folder) => {
      await fill(folder)
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const record = bytes.indexOf('value value')
      expect(record).toBeGreaterThan(0)
      bytes[record]! ^= 1
      writeFileSync(path, bytes)
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toMatch(/\d{16}\.log\+\d{3,}/)
      expect(stderr).toContain(databaseIn(folder))
      expect(stderr).not.toContain('    at ')
    }))

  test('with a torn last record opens without it', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const last = bytes.lastIndexOf('value value')
      bytes.fill(0, last - 20, last + 8)
      writeFileSync(path, bytes)
      const server = await serveOn(folder)
      const redis = new Redis(server.port)
      const count = await redis.dbsize()
      redis.disconnect()
      const { stderr } = await server.stop()
      expect(count).toBe(19)
      expect(loggedAt('warning', stderr)).toMatchObject([{ database: 'polylog', file: path }])
    }))

  test('with a damaged last record opens without it, and warns of its place and size', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const last = bytes.lastIndexOf('value value')
      bytes[last]! ^= 1
      writeFileSync(path, bytes)
      const server = await serveOn(folder)
      const redis = new Redis(server.port)
      const count = await redis.dbsize()
      redis.disconnect()
      const { stderr } = await server.stop()
      expect(count).toBe(19)
      const [warning, ...more] = loggedAt('warning', stderr)
      expect(more).toEqual([])
      expect(warning).toMatchObject({ database: 'polylog', file: path, message: expect.stringContaining('checksum') })
      expect(warning!['position']).toBeLessThan(last)
      expect(Number(warning!['position']) + Number(warning!['bytes'])).toBeGreaterThan(last)
    }))

  test('with a cut-off last record opens without it, which is no warning', () =>
    withFolder(async (folder) => {
      await fill(folder, 'kill')
      const path = segmentIn(folder)
      const bytes = readFileSync(path)
      const end = bytes.lastIndexOf('value value')
      bytes.fill(0, end - (end % 512))
      writeFileSync(path, bytes)
      const server = await serveOn(folder)
      const { stderr } = await server.stop()
      expect(loggedAt('warning', stderr)).toEqual([])
      expect(loggedAt('info', stderr)).toContainEqual(
        expect.objectContaining({ file: path, message: expect.stringContaining('crash') }),
      )
    }))

  test.each([
    ['FORMAT', 'FORMAT'],
    ['CONTENTS', 'CONTENTS'],
    ['the name of a database', 'name'],
    ['the log of a database', 'log'],
    ['the folder of a database', ''],
  ])('that has lost %s is 4, with the path', (_, name) =>
    withFolder(async (folder) => {
      await fill(folder)
      const isTop = /^[A-Z]/.test(name)
      const path = isTop ? join(folder, name) : join(databaseIn(folder), name)
      rmSync(path, { recursive: true })
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(4)
      expect(stderr).toContain(path.replace(/\/$/, ''))
      expect(stderr).toContain('missing')
      expect(stderr).not.toContain('    at ')
    }),
  )

  test('that may not be read is 1 and named', () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0)
      // The superuser may read that one, but not even he makes folders here.
      const path = process.getuid?.() === 0 ? '/sys/polylog-data' : folder
      const { status, stderr } = await tryToServe(path)
      expect(status).toBe(1)
      expect(stderr).toContain(path)
      expect(stderr).not.toContain('    at ')
    }))

  test('that is a file is 1 and named', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'file')
      writeFileSync(path, '')
      const { status, stderr } = await tryToServe(path)
      expect(status).toBe(1)
      expect(stderr).toContain(path)
    }))

  test('whose LOCK is a file is 1, and it is the LOCK that is named', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'LOCK'), '')
      const { status, stderr } = await tryToServe(folder)
      expect(status).toBe(1)
      expect(stderr).toContain(`${folder}/LOCK is not a folder`)
    }))

  test('that cannot be made is 1, with what the system says', () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, 'file'), '')
      for (const path of [...(process.platform === 'linux' ? ['/proc/x'] : []), join(folder, 'file', 'data')]) {
        const { status, stderr } = await tryToServe(path)
        expect(status).toBe(1)
        expect(stderr).toMatch(`cannot make the data directory ${path}: `)
        expect(stderr).toMatch(/ENOENT|ENOTDIR|EACCES/)
      }
    }))

  test('below folders that are missing is made', () =>
    withFolder(async (folder) => {
      const server = await serveOn(join(folder, 'a', 'b'))
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))

  test('with foreign files beside its own opens', () =>
    withFolder(async (folder) => {
      mkdirSync(join(folder, 'notes'))
      appendFileSync(join(folder, 'notes', 'x'), 'x')
      const server = await serveOn(folder)
      expect(await server.stop()).toMatchObject({ status: 0 })
    }))
})
