/**
 * Loaded into a server by `--import`: the processor time of each round of its event loop, by the thread's own account.
 *
 * A round runs everything that was ready, so it is at least as long as the longest turn in it. At SIGUSR2 it begins to look;
 * at the next one the longest round since goes to the file that the environment names, in milliseconds, and it looks no
 * more: looking keeps the event loop turning, and what that takes would count as the server's.
 */
import { openSync, readSync, writeFileSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

const file = process.env['POLYLOG_TURN_METER']
if (isMainThread && file !== undefined) measure(file)

function measure(into: string): void {
  const statistics = openSync('/proc/thread-self/schedstat', 'r')
  const buffer = Buffer.alloc(64)
  const spentMs = (): number => {
    // Brings the thread's account up to date, which otherwise happens at a tick of the system: every 4 ms.
    process.cpuUsage()
    const length = readSync(statistics, buffer, 0, buffer.length, 0)
    return Number(buffer.toString('latin1', 0, length).split(' ')[0]) / 1e6
  }
  let isLooking = false
  let last = 0
  let longestMs = 0
  const round = (): void => {
    if (!isLooking) return
    const now = spentMs()
    longestMs = Math.max(longestMs, now - last)
    last = now
    setImmediate(round)
  }
  process.on('SIGUSR2', () => {
    isLooking = !isLooking
    if (isLooking) {
      longestMs = 0
      last = spentMs()
      setImmediate(round)
    }
    writeFileSync(into, isLooking ? 'looking' : longestMs.toFixed(2))
  })
}
