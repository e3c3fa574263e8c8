/** A host whose wall clock stands still; timers and all else go on. */
import type { Host } from './host.ts'

/** `nowMs`: milliseconds since 1970. */
export function hostAt(host: Host, nowMs: number): Host {
  return {
    now: () => nowMs,
    monotonic: () => host.monotonic(),
    random: (into) => host.random(into),
    at: (delayMs, run) => host.at(delayMs, run),
    turn: (run) => host.turn(run),
    disk: host.disk,
    network: host.network,
    worker: (job, input, signal) => host.worker(job, input, signal),
    log: (level, message, fields) => host.log(level, message, fields),
    memory: () => host.memory(),
    processorTime: () => host.processorTime(),
    collectGarbage: (which) => host.collectGarbage(which),
    fatal: (error) => host.fatal(error),
  }
}
