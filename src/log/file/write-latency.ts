/**
 * Decides, from what this very disk has shown, whether a small durable write is made on the kernel's thread or handed to
 * Node's thread pool.
 *
 * The pool costs some tens of microseconds and two turns of the event loop, but the thread goes on meanwhile; a write on
 * the thread itself stops everybody for as long as the disk takes. So it is right only for few waiters, on a disk whose
 * syncs are quick, and one slow write sends the next thousand to the pool (docs/decisions/010-log-write-path.md).
 */
const maxRecords = 4
const maxBytes = 16 * 1024
/** Beyond it a write is not cheaper than what waiting costs. */
const quickUs = 150
/** A write this slow on the thread was felt by everybody. */
const stallUs = 2_000
const penaltyWrites = 1_000
const trustedSamples = 32
/** A single slow write says little about the next: it counts as this much. */
const mostUs = 1_000

export class WriteLatency {
  /** Exponentially weighted, of durable writes by either way. */
  averageUs = 0
  private samples = 0
  private penalty = 0

  prefersThread(records: number, bytes: number): boolean {
    if (this.penalty > 0) {
      this.penalty--
      return false
    }
    return records <= maxRecords && bytes <= maxBytes && this.samples >= trustedSamples && this.averageUs <= quickUs
  }

  note(us: number, onThread: boolean): void {
    this.samples++
    this.averageUs += (Math.min(us, mostUs) - this.averageUs) / Math.min(this.samples, 16)
    if (onThread && us > stallUs) this.penalty = penaltyWrites
  }
}
