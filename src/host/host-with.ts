/** A host of which one part is another one; all else is passed on. */
import type { Host } from './host.ts'

export function hostWith(host: Host, parts: Partial<Pick<Host, 'now' | 'disk'>>): Host {
  return {
    now: () => host.now(),
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
    ...parts,
  }
}
