/**
 * `in-process.js ROOT get|set COUNT`: the embedded API of the build in a tree, so many operations one after the other on a
 * database in memory. Prints microseconds of the processor an operation.
 */
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Polylog from '../src/polylog.ts'

const [root = '.', work = 'get', count = '100000'] = process.argv.slice(2)
const names = 10_000
const value = new Uint8Array(100)
const { open } = (await import(pathToFileURL(join(resolve(root), 'dist/polylog.js')).href)) as typeof Polylog
const database = await open({ memory: true })

async function run(operations: number): Promise<void> {
  for (let i = 0; i < operations; i++) {
    const key = `key:${(i * 7919) % names}`
    if (work === 'set') await database.write((tx) => tx.keys().set(key, value))
    else await database.read((tx) => tx.keys().get(key))
  }
}

for (let i = 0; i < names; i++) await database.write((tx) => tx.keys().set(`key:${i}`, value))
await run(50_000)
const before = process.cpuUsage()
await run(Number(count))
const { user, system } = process.cpuUsage(before)
process.stdout.write(`${(user + system) / Number(count)}\n`)
await database.close()
