/**
 * redis-py, Debian's, unmodified: its locks, pipelines that watch, scripts and functions, streams with groups, messages, waiting,
 * scans. What is printed here is what is printed of redis-server 7.0.15.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ServerProcess } from '../../end-to-end/server-process.ts'

const python = '/usr/bin/python3'
const isInstalled = spawnSync(python, ['-c', 'import redis']).status === 0
let server: ServerProcess

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
})
afterAll(() => server.stop())

test.skipIf(!isInstalled)('redis-py does as on redis-server', () => {
  const { status, stdout } = spawnSync(python, ['-W', 'ignore', 'tour.py', `${server.port}`], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  expect(stdout.toString()).toBe(readFileSync(join(import.meta.dirname, 'golden.txt'), 'utf8'))
  expect(status).toBe(0)
})
