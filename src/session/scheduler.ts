/**
 * One scheduler for every paused statement of the server: at most one slice per turn of the event loop. Ten scans that each
 * rescheduled their own slices would delay a point read by ten slices; so it waits for one.
 *
 * Statements that have had few slices and those that have had many take turns, each kind in the order in which they asked:
 * who needs a second slice does not wait for a thousand who need their hundredth, and those go on whatever else comes.
 */
import type { Host } from '../host/host.ts'

/** Some tens of milliseconds of the thread. */
const fewSlices = 16

/** Without a slice, one after the other. */
const mostShortTurns = 15

export class Scheduler {
  readonly #host: Host
  readonly #afterEach: () => void
  readonly #few: (() => void)[] = []
  readonly #many: (() => void)[] = []
  #isForMany = false
  #isAskedBack = false
  #stoodBack = 0
  #scheduled = false

  /** `afterEach` is called behind every slice. */
  constructor(host: Host, afterEach: () => void = () => {}) {
    this.#host = host
    this.#afterEach = afterEach
  }

  get waiting(): number {
    return this.#few.length + this.#many.length
  }

  /** Runs `slice` in a turn of its own; `count`: of those that its statement has had. */
  schedule(slice: () => void, count = 0): void {
    const queue = count < fewSlices ? this.#few : this.#many
    queue.push(slice)
    this.#next()
  }

  #next(): void {
    if (this.#scheduled || this.waiting === 0) return
    this.#scheduled = true
    this.#host.turn(() => {
      this.#scheduled = false
      if (this.#standsBack()) {
        this.#next()
        return
      }
      const slice = this.#take()
      this.#next()
      slice?.()
      this.#afterEach()
    })
  }

  /** The next turn is wanted short: it has no slice, unless so many before it had none. */
  standBack(): void {
    this.#isAskedBack = true
  }

  #standsBack(): boolean {
    const isAsked = this.#isAskedBack
    this.#isAskedBack = false
    this.#stoodBack = isAsked && this.#stoodBack < mostShortTurns ? this.#stoodBack + 1 : 0
    return this.#stoodBack > 0
  }

  #take(): (() => void) | undefined {
    this.#isForMany = !this.#isForMany
    const [first, second] = this.#isForMany ? [this.#many, this.#few] : [this.#few, this.#many]
    return first.shift() ?? second.shift()
  }
}
