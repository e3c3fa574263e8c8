/**
 * What the process really has, measured, beside what its accounts say.
 *
 * Accounts count what values hold. They see neither the garbage that was not collected yet nor what the allocator keeps
 * of what was given back, and a limit that is to hold must count those too. So everybody who moves bytes says how many
 * (`moved`), and after some of them, and after slices of statements, the process is looked at:
 *
 *   resident   ┌─────────┬────────────┬─────────┬─────────┬──────────┬ ─ ─ ─ ─ ┐
 *              │ runtime │ V8's heap  │ stored  │ buffers │ unused   │ headroom │
 *              └─────────┴────────────┴─────────┴─────────┴──────────┴ ─ ─ ─ ─ ┘
 *                                     └── live or garbage ┘ kept by the allocator  ▲ limit, less a margin
 *
 * - Buffers lie beside V8's heap, which hardly grows with them: V8 sees no reason to collect until hundreds of megabytes
 *   are garbage. So garbage is collected here, when heap and buffers have grown by a step: the young first, which takes a millisecond
 *   or two, and all of it where that was not enough.
 * - Stores lie in buffers that threads share, whose size V8 does not look at: what they let go of is told (`givenBack`).
 * - Accounts may hand out no more than what is left up to the limit, and a little for what lies unused: it will be used
 *   again where it fits. So whoever asks for more than the process can have spills, or is refused, whatever has filled it.
 * - Who would be refused makes the process look once more, and collect; and while little is left it is looked at again
 *   some time later, when those who had filled it may have gone.
 *
 * Invariants: nothing is collected where less than a half of the limit is in use, but what stores have let go of; what accounts may hand out is never
 * more than without looking, and never less than 16 MiB beside the stored data.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import type { Host, MemoryFacts } from '../host/host.ts'

/** Of the limit: below it nobody minds what lies about. */
const calmShare = 0.5
/** Of the limit: for what grows between two looks. */
const marginShare = 0.18
/** Of the limit: of what lies unused no more is trusted to be of use. */
const reusableShare = 0.05
/** Handed out whatever is measured, or a process that has grown once would never work again. */
const leastWorkBytes = 16 * 1024 * 1024
/** Of the limit: so much garbage is worth a collection. */
const stepShare = 1 / 32
/** So much of what stores have let go of lies about at most, however large the limit is. */
const mostGivenBackBytes = 64 * 1024 * 1024
/** Of the limit: what may be moved between two looks. */
const lookEveryShare = 1 / 256
/** Between two full collections passes so many times what the first one took: they get a tenth of the time at most. */
const restTimes = 9
/** A third where somebody would be refused else. */
const urgentRestTimes = 2
/** Of the limit: where less is left, the process is looked at once more a little later. */
const scarceShare = 1 / 8
const leastRestMs = 100
/** Slices of statements to a look while half of the limit is not in use: some ten milliseconds. A look takes 10 to 50 µs. */
const calmSlices = 8

function takenOf({ heapBytes, bufferBytes }: MemoryFacts): number {
  return heapBytes + bufferBytes
}

export class MemoryPressure {
  readonly #limitBytes: number
  readonly #handedOutBytes: number
  readonly #root: MemoryAccount
  readonly #stored: MemoryAccount
  /** What the heaps of other threads have, which nobody could refuse them. */
  readonly #workers: MemoryAccount
  #host: Host | undefined
  /** The runtime's own, beside heap and buffers. */
  #nativeBytes = 0
  #movedBytes = 0
  /** Of stores that were closed since garbage was last collected for them. */
  #givenBackBytes = 0
  /** Heap and buffers after the last full collection, and after the last one of any kind; or fewer, where they were fewer since. */
  #settledBytes = 0
  #collectedBytes = 0
  /** Before that nothing is collected in full. */
  #restUntilUs = -Infinity
  /** The same where somebody would be refused. */
  #urgentFromUs = -Infinity
  #urgentYoungFromUs = -Infinity
  #looksAgain = false
  /** That may pass before the next look. */
  #slicesLeft = 0
  #leftBytes = Infinity

  /** `root`: its limit is what may be handed out where nothing is in the way. `stored`: of it, what is there for good. */
  constructor(limitBytes: number, root: MemoryAccount, stored: MemoryAccount) {
    this.#limitBytes = limitBytes
    this.#stored = stored
    this.#handedOutBytes = root.limitBytes
    this.#root = root
    this.#workers = root.child('worker threads', { quantumBytes: 1 })
  }

  /** Makes those who hold something that nobody has asked for lately give it up; whether there was any. */
  giveUp: (missingBytes: number) => boolean = () => false

  /** The process has what it may have. */
  get isAtLimit(): boolean {
    return this.#leftBytes <= 0
  }

  /** From here on; what nobody watches is a test's. */
  watch(host: Host): void {
    if (this.#limitBytes === Infinity || this.#host !== undefined) return
    this.#host = host
    const { residentBytes, heapBytes, bufferBytes, workerBytes } = host.memory()
    this.#nativeBytes = residentBytes - heapBytes - bufferBytes - workerBytes
    this.#settledBytes = heapBytes + bufferBytes
    this.#collectedBytes = this.#settledBytes
    this.#root.onRefusal = (missingBytes) => this.#refused(missingBytes)
  }

  /** Bytes were received, sent or copied. */
  moved(bytes: number): void {
    this.#movedBytes += bytes
    if (this.#movedBytes >= this.#limitBytes * lookEveryShare) this.look()
  }

  /** A statement has had a slice of time. */
  sliceDone(): void {
    if (--this.#slicesLeft <= 0) this.look()
  }

  /**
   * A store of this size was closed, or has let go of so much. Nothing else is moved where databases come and go, so it is collected
   * also where half of the limit is not in use; by steps, since it takes a while.
   */
  givenBack(bytes: number): void {
    const host = this.#host
    this.#givenBackBytes += bytes
    if (host === undefined || this.#givenBackBytes < Math.min(this.#limitBytes * stepShare, mostGivenBackBytes)) return
    if (host.monotonic() >= this.#restUntilUs) this.#tighten(this.#collectAll(host))
    // Whoever has just read something of it may refer to it still.
    this.#lookAgain(host)
  }

  look(): void {
    this.#movedBytes = 0
    const host = this.#host
    if (host === undefined) return
    const facts = host.memory()
    const takenBytes = takenOf(facts)
    this.#settledBytes = Math.min(this.#settledBytes, takenBytes)
    this.#collectedBytes = Math.min(this.#collectedBytes, takenBytes)
    const isCalm = facts.residentBytes < this.#limitBytes * calmShare
    this.#slicesLeft = isCalm ? calmSlices : 1
    this.#tighten(isCalm ? facts : this.#collect(host, facts))
    if (this.#leftBytes < this.#limitBytes * scarceShare) this.#lookAgain(host)
  }

  /** What has made it scarce may be gone by then, and nobody who moves bytes be left to look. */
  #lookAgain(host: Host): void {
    if (this.#looksAgain) return
    this.#looksAgain = true
    const restUs = Math.max(this.#restUntilUs - host.monotonic(), 0)
    host.at(leastRestMs + restUs / 1000, () => {
      this.#looksAgain = false
      if (host.monotonic() >= this.#restUntilUs) this.#tighten(this.#collectAll(host))
    })
  }

  #collect(host: Host, facts: MemoryFacts): MemoryFacts {
    const stepBytes = this.#limitBytes * stepShare
    if (takenOf(facts) < this.#collectedBytes + stepBytes) return facts
    host.collectGarbage('young')
    const left = host.memory()
    this.#collectedBytes = takenOf(left)
    const isEnough = this.#collectedBytes < this.#settledBytes + 2 * stepBytes
    return isEnough || host.monotonic() < this.#restUntilUs ? left : this.#collectAll(host)
  }

  #collectAll(host: Host): MemoryFacts {
    const beganUs = host.monotonic()
    this.#givenBackBytes = 0
    host.collectGarbage('all')
    const endedUs = host.monotonic()
    this.#restUntilUs = endedUs + restTimes * (endedUs - beganUs)
    this.#urgentFromUs = endedUs + urgentRestTimes * (endedUs - beganUs)
    const facts = host.memory()
    this.#settledBytes = takenOf(facts)
    this.#collectedBytes = this.#settledBytes
    return facts
  }

  #tighten({ residentBytes, bufferBytes, heapBytes, workerBytes }: MemoryFacts): void {
    this.#workers.force(workerBytes)
    const limit = this.#limitBytes
    const left = limit * (1 - marginShare) - residentBytes
    const unused = residentBytes - bufferBytes - heapBytes - workerBytes - this.#nativeBytes
    const reusable = Math.min(Math.max(unused / 2, 0), limit * reusableShare)
    this.#leftBytes = left + reusable
    const bytes = Math.max(this.#root.usedBytes + this.#leftBytes, this.#stored.usedBytes + leastWorkBytes)
    this.#root.limitBytes = Math.min(this.#handedOutBytes, bytes)
  }

  /** Whether it is worth asking again. */
  #refused(missingBytes: number): void {
    const host = this.#host!
    const isFreed = this.giveUp(missingBytes)
    if (isFreed) this.#tighten(this.#collectAll(host))
    else this.#collectForRefused(host)
  }

  /** The process has what it may have, also without its garbage: asked before somebody is refused for that. */
  isSurelyAtLimit(): boolean {
    const host = this.#host
    if (this.isAtLimit && host !== undefined) this.#collectForRefused(host)
    return this.isAtLimit
  }

  /** In full as often as that may be, and in between the young: what statements have just let go of is among it. */
  #collectForRefused(host: Host): void {
    const beganUs = host.monotonic()
    if (beganUs >= this.#urgentFromUs) this.#tighten(this.#collectAll(host))
    else if (beganUs >= this.#urgentYoungFromUs) {
      host.collectGarbage('young')
      const endedUs = host.monotonic()
      this.#urgentYoungFromUs = endedUs + urgentRestTimes * (endedUs - beganUs)
      this.#tighten(host.memory())
    }
  }
}
