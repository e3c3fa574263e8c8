/** How the command ends: its exit codes and what it says, which scripts rely on. */
import { rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import { describe, expect, test } from 'vitest'
import { loggedAt, oneReply, serveOn } from './data-folders.ts'
import { runPolylog, ServerProcess, withFolder } from './server-process.ts'

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

  test('an address that is not loopback is 1, because there is no user', async () => {
    const { status, stderr } = await runPolylog('serve', '--memory', '--port', '0', '--host', '0.0.0.0')
    expect(status).toBe(1)
    expect(stderr).toContain('polylog user add')
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
