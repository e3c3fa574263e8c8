/**
 * Loaded into a server by `--import`: the processor time of each round of its event loop, by the thread's own account.
 *
 * A round runs everything that was ready, so it is at least as long as the longest turn in it. At SIGUSR2 the longest one
 * since the last signal goes to the file that the environment names, in milliseconds.
 */
import { openSync, readSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const file = process.env['POLYLOG_TURN_METER']
if (isMainThread && file !== undefined) measure(file)

function measure(into: string): void {
  const statistics = openSync('/proc/thread-self/schedstat', 'r')
  const buffer = Buffer.alloc(64)
  const spentMs = (): number => {
    const length = readSync(statistics, buffer, 0, buffer.length, 0)
    return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6
  }
  let last = spentMs()
  let longestMs = 0
  const round = (): void => {
    const now = spentMs()
    longestMs = Math.max(longestMs, now - last)
    last = now
    setImmediate(round)
  }
  round()
  process.on('SIGUSR2', () => {
    writeFileSync(into, longestMs.toFixed(2))
    longestMs = 0
    last = spentMs()
  })
}
