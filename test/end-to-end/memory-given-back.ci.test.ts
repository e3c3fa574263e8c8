/** FLUSHALL gives memory back to the system: asked of the operating system, where it is one with glibc's allocator. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as after } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { ServerProcess } from './server-process.ts'

const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }

function residentMib(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

test.runIf(existsSync('/proc/self/status') && header.glibcVersionRuntime !== undefined)(
  'what FLUSHALL takes away is the system’s soon, but for what the store keeps for the next writes',
  { timeout: 120_000 },
  async () => {
    const server = await ServerProcess.start('--memory')
    const redis = new Redis({ port: server.port })
    try {
      const before = residentMib(server.pid)
      for (let i = 0; i < 300; i++) {
        await redis.mset(new Map(Array.from({ length: 1000 }, (_, n) => [`${i}:${n}`, 'x'.repeat(900)])))
      }
      const most = residentMib(server.pid)
      expect(most - before).toBeGreaterThan(250)
      await redis.flushall()
      while (residentMib(server.pid) - before > (most - before) / 2) await after(100)
      expect(await redis.dbsize()).toBe(0)
    } finally {
      redis.disconnect()
      await server.stop()
    }
  },
)
