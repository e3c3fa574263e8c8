/**
 * LATENCY: what took longer than `latency-monitor-threshold` milliseconds, by kind, the last 160 seconds in which there was any. Of one
 * second the longest is kept. `command` and `fast-command` are what Redis has for commands, by whether they are said to be fast.
 */
const mostSamples = 160

export interface LatencySample {
  readonly atSecond: number
  ms: number
}

export interface LatencyEvent {
  readonly samples: LatencySample[]
  mostMs: number
}

export class LatencyMonitor {
  /** 0: nothing is noted. */
  thresholdMs = 0
  readonly #events = new Map<string, LatencyEvent>()

  get events(): ReadonlyMap<string, LatencyEvent> {
    return this.#events
  }

  note(name: string, ms: number, nowMs: number): void {
    const atSecond = Math.floor(nowMs / 1000)
    let event = this.#events.get(name)
    if (event === undefined) this.#events.set(name, (event = { samples: [], mostMs: 0 }))
    event.mostMs = Math.max(event.mostMs, ms)
    const last = event.samples.at(-1)
    if (last?.atSecond === atSecond) last.ms = Math.max(last.ms, ms)
    else event.samples.push({ atSecond, ms })
    if (event.samples.length > mostSamples) event.samples.shift()
  }

  /** How many there were of them. */
  reset(names: readonly string[]): number {
    const all = names.length === 0 ? [...this.#events.keys()] : names
    return all.filter((name) => this.#events.delete(name)).length
  }
}
