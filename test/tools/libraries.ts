/** Programs over libraries of a folder, `libraries.mjs` there, each run beside a server of its test file. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { ServerProcess } from '../end-to-end/server-process.ts'
import { installedCopy } from './installed.ts'

/** To be called once by a test file: what a program of that name prints, as JSON. */
export function librariesOf(source: string): (name: string) => unknown {
  let folder: string
  let server: ServerProcess
  beforeAll(async () => {
    folder = installedCopy(source)
    const binary = join(process.cwd(), 'dist', 'cli', 'polylog.js')
    server = await ServerProcess.run([binary, 'serve', '--port', '0', '--memory'], process.cwd())
  }, 300_000)
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return (name) => {
    const args = ['--no-warnings', 'libraries.mjs', name, `${server.port}`]
    const { status, stdout } = spawnSync('node', args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    expect(status).toBe(0)
    return JSON.parse(stdout.toString())
  }
}
