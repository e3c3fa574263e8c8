/**
 * BullMQ, unmodified: what its queues do, and that a job is neither lost nor done again, beyond its own promise, where the server
 * and the workers are killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../free-port.ts'
import { ServerProcess } from '../../end-to-end/server-process.ts'
import { installedCopy } from '../installed.ts'

let folder: string

beforeAll(() => {
  folder = installedCopy(import.meta.dirname)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(...args: readonly string[]): ChildProcess {
  return spawn('node', ['jobs.mjs', ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
}

/** What it prints, once it has ended. */
async function outputOf(child: ChildProcess): Promise<string> {
  let output = ''
  child.stdout!.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const code = await new Promise((resolve) => child.on('close', resolve))
  expect(code).toBe(0)
  return output
}

function startServer(port: number, ...options: readonly string[]): Promise<ServerProcess> {
  const binary = join(process.cwd(), 'dist', 'cli', 'polylog.js')
  return ServerProcess.run([binary, 'serve', '--port', `${port}`, ...options], process.cwd())
}

test('a queue retries, delays, limits its rate, and has flows, schedulers and events', async () => {
  const server = await startServer(0, '--memory')
  try {
    expect(JSON.parse(await outputOf(start('tour', `${server.port}`)))).toEqual({
      attempts: [0, 1, 2],
      total: 2 * (7 + 9 + 1) + 9900,
      failure: 'never',
      failed: 1,
      childValues: [4],
      seen: 100,
    })
  } finally {
    await server.kill()
  }
})

test('no job is lost where server and workers are killed, and few are done again', async () => {
  const count = 400
  const rounds = 4
  const port = await freePort()
  const file = join(folder, 'done')
  const done = (): string[] => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [])
  const until = async (least: number): Promise<void> => {
    while (done().length < least) await new Promise((resolve) => setTimeout(resolve, 50))
  }
  let server = await startServer(port, '--data', join(folder, 'data'))
  const adding = outputOf(start('add', `${port}`, `${count}`))
  let worker = start('work', `${port}`, file)
  try {
    for (let round = 1; round <= rounds; round++) {
      await until((round * count) / (rounds + 2))
      await server.kill()
      // The worker of every other round outlives the server.
      if (round % 2 === 0) worker.kill('SIGKILL')
      server = await startServer(port, '--data', join(folder, 'data'))
      if (round % 2 === 0) worker = start('work', `${port}`, file)
    }
    await adding
    expect(JSON.parse(await outputOf(start('wait', `${port}`, `${count}`)))).toMatchObject({
      completed: count,
      failed: 0,
      active: 0,
      waiting: 0,
      delayed: 0,
    })
    const all = done()
    expect(new Set(all).size).toBe(count)
    // What a worker was at when it, or the server, was killed.
    expect(all.length - count).toBeLessThanOrEqual(rounds * 4)
  } finally {
    worker.kill('SIGKILL')
    await server.kill()
  }
})
