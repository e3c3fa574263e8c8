/**
 * Servers on one core, what loads them on another: where both share one, a peer that answers faster takes time from its
 * own load, and a ratio says less than it seems to. Not for work that threads beside the main one take part in.
 */
import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { readFileSync } from 'node:fs'
import { findProgram } from './programs.ts'

interface Cores {
  /** All that this process may use, as taskset takes them. */
  readonly all: string
  readonly server: number
  readonly load: number
}

const cores = findCores()
let isApart = false

function findCores(): Cores | undefined {
  if (availableParallelism() < 2 || findProgram('taskset') === undefined) return undefined
  const all = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const numbers = all?.split(/[,-]/).map(Number)
  return numbers && { all: all!, server: numbers[0]!, load: numbers.at(-1)! }
}

/** This process and the programs that it starts from now on; answers whether servers are apart from them now. */
export function keepApart(wanted: boolean): boolean {
  if (cores === undefined) return false
  isApart = wanted
  const own = wanted ? String(cores.load) : cores.all
  execFileSync('taskset', ['-a', '-c', '-p', own, String(process.pid)], { stdio: 'ignore' })
  return wanted
}

/** How a server is started: it becomes the process that is started. */
export function serverCommand(program: string, args: readonly string[]): [program: string, args: string[]] {
  if (cores === undefined || !isApart) return [program, [...args]]
  return ['taskset', ['-c', String(cores.server), program, ...args]]
}
