/**
 * Loaded into a server by `--import`: the processor time of each round of its event loop, by the thread's own account.
 *
 * A round runs everything that was ready, so it is at least as long as the longest turn in it. At SIGUSR2 it begins to look;
 * at the next one the longest round since goes to the file that the environment names, in milliseconds, and it looks no
 * more: looking keeps the event loop turning, and what that takes would count as the server's. Behind it stands how long
 * garbage was collected in that round, on the wall.
 */
import { openSync, readSync, writeFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
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
  let begun = 0
  let longest = { ms: 0, from: 0, to: 0 }
  let collections: { readonly startTime: number; readonly duration: number }[] = []
  new PerformanceObserver((list) => {
    if (isLooking) collections.push(...list.getEntries())
  }).observe({ entryTypes: ['gc'] })
  const round = (): void => {
    const now = spentMs()
    const time = performance.now()
    if (now - last > longest.ms) longest = { ms: now - last, from: begun, to: time }
    last = now
    begun = time
    if (isLooking) setImmediate(round)
  }
  const collectedMs = (): number => {
    const within = collections.filter(({ startTime }) => startTime >= longest.from && startTime <= longest.to)
    return within.reduce((sum, { duration }) => sum + duration, 0)
  }
  process.on('SIGUSR2', () => {
    if (isLooking) {
      isLooking = false
      writeFileSync(into, `${longest.ms.toFixed(2)} ${collectedMs().toFixed(2)}`)
      return
    }
    isLooking = true
    longest = { ms: 0, from: 0, to: 0 }
    collections = []
    last = spentMs()
    begun = performance.now()
    setImmediate(round)
    writeFileSync(into, 'looking')
  })
}
