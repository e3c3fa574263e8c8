/** Fuzzing of targets in processes of their own, each of which may die of what it is given. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { targetNames } from './targets.ts'

/** What such a process tells. */
export interface Report {
  readonly target: string
  readonly inputs: number
  readonly blocks: number
  readonly corpus: number
  readonly heapGrowthBytes: number
  readonly tookMs: number
  readonly findings: readonly string[]
}

export interface Wanted {
  readonly seed: number
  readonly inputs: number
  readonly targets?: readonly string[]
  /** What is found is kept in the repository. */
  readonly keep?: boolean
  /** At a time. */
  readonly workers?: number
}

const script = fileURLToPath(new URL('fuzz.js', import.meta.url))

/** `tell` hears of each target once it is done. */
export async function fuzzAll(wanted: Wanted, tell: (report: Report) => void): Promise<void> {
  const waiting = [...(wanted.targets ?? targetNames)]
  const work = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) tell(await fuzzApart(name, wanted))
  }
  await Promise.all(Array.from({ length: wanted.workers ?? 2 }, work))
}

function fuzzApart(name: string, { seed, inputs, keep }: Wanted): Promise<Report> {
  return new Promise((resolve) => {
    const args = [script, '--one', name, '--seed', String(seed), '--inputs', String(inputs)]
    const child = spawn(process.execPath, [...args, ...(keep === true ? ['--keep'] : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    child.on('close', (code) => {
      const none = { target: name, inputs: 0, blocks: 0, corpus: 0, heapGrowthBytes: 0, tookMs: 0 }
      const died = { ...none, findings: [`its process ended with ${code}`] }
      resolve(code === 0 ? (JSON.parse(text) as Report) : died)
    })
  })
}
