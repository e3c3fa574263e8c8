/** What a program that uses Polylog waits for before it has done anything, each in a process of its own. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import type { Area } from '../area.ts'
import { figure, type Measured, type Row } from '../measure.ts'
import { endedChildrenSeconds, measured, removeFolder, scratchFolder, startPolylog } from '../processes.ts'

const processes: readonly (readonly [name: string, args: readonly string[], notes: string])[] = [
  ['version', ['dist/cli/polylog.js', '--version'], 'polylog --version'],
  ['import', ['-e', `import(${JSON.stringify(pathToFileURL('dist/polylog.js').href)})`], 'import of the package'],
  ['node', ['-e', ''], 'a process of Node that does nothing'],
]

export const start: Area = {
  name: 'start',
  apart: false,
  async *rows({ pairs }) {
    for (const [name, args, notes] of processes) {
      const values: Measured[] = []
      for (let i = 0; i < pairs; i++) values.push(await untilEnd(args))
      yield row(`start/${name}`, 'ms', values, notes)
    }
    yield* serverRows(pairs)
  },
}

function row(name: string, unit: string, values: readonly Measured[], notes: string): Row {
  return figure({ area: 'start', name, unit, durability: 'synced', clients: 1, notes }, values)
}

/** What a child took is in this process's own account once it has ended. */
async function untilEnd(args: readonly string[]): Promise<Measured> {
  const before = endedChildrenSeconds(process.pid)
  const started = performance.now()
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  await new Promise((resolve) => child.once('close', resolve))
  const value = performance.now() - started
  return { value, cpuMicros: (endedChildrenSeconds(process.pid) - before) * 1e6 }
}

async function* serverRows(rounds: number): AsyncGenerator<Row> {
  const [ready, first, atRest]: [Measured[], Measured[], Measured[]] = [[], [], []]
  for (let i = 0; i < rounds; i++) {
    const folder = scratchFolder('start')
    const started = performance.now()
    const server = await startPolylog({ directory: folder })
    ready.push({ value: performance.now() - started, cpuMicros: server.cpuSeconds() * 1e6 })
    await sleep(1000)
    const status = readFileSync(`/proc/${server.pid}/status`, 'utf8')
    atRest.push({ value: Number(/VmRSS:\s*(\d+) kB/.exec(status)?.[1]) / 1024 })
    first.push(
      await measured(
        server,
        () => firstSelect(server.port),
        () => 1,
      ),
    )
    await server.stop()
    removeFolder(folder)
  }
  yield row('start/ready', 'ms', ready, 'a server with a new data directory, until it listens')
  yield row('start/first-select', 'ms', first, 'then a connection and its first SELECT')
  yield row('start/memory', 'MiB resident', atRest, 'a second after it listens')
}

async function firstSelect(port: number): Promise<number> {
  const started = performance.now()
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'bench', database: 'polylog' })
  await client.connect()
  await client.query('select 1')
  await client.end()
  return performance.now() - started
}
