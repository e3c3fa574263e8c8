/**
 * The sequences whose records a full disk has refused. They are given to nobody else: whoever has seen one of them is
 * told `disk_full` whenever it asks, however far the log has come since.
 *
 * Each way back also takes one sequence for the state that it leaves, which is the state of the last record in the log
 * (`base`): a reader of that state must not wait for a disk that is full, so it is as durable as `base` is.
 *
 *   base 4 · refused 5 6 7 · way back 8 · the next commit 9
 *
 * In the log, empty records stand for 5 to 8. They are written before the record of 9.
 *
 * Invariants: episodes are in order and do not overlap; there are at most `episodesMax`. Beyond that two that follow on
 * each other become one, and the way back between them counts as refused, which is safe, and over an hour old: a full
 * disk is tried once a second. Where none follow on each other, what was kept between the two oldest counts so too.
 */
import { assert } from '../../base/errors.ts'
import type { Sequence } from '../contract.ts'

interface Episode {
  readonly first: Sequence
  /** The sequence of the state that the way back has left. */
  readonly wayBack: Sequence
  readonly base: Sequence
}

const episodesMax = 4096

export class BurnedSequences {
  readonly #episodes: Episode[] = []
  /** Sequences behind it are not of any episode: one comparison answers nearly every question. */
  through: Sequence = 0

  /** `first` to `last` were refused; the sequence of the state without them. */
  burn(first: Sequence, last: Sequence): Sequence {
    assert(first > this.through && last >= first, 'sequences are burned twice')
    const wayBack = last + 1
    this.#episodes.push({ first, wayBack, base: this.stateOf(first - 1)! })
    this.through = wayBack
    if (this.#episodes.length > episodesMax) this.#mergeTwo()
    return wayBack
  }

  #mergeTwo(): void {
    const episodes = this.#episodes
    const following = episodes.findIndex(({ wayBack }, i) => episodes[i + 1]?.first === wayBack + 1)
    const at = Math.max(following, 0)
    const { base, first } = episodes[at]!
    episodes.splice(at, 2, { first, wayBack: episodes[at + 1]!.wayBack, base })
  }

  /** The sequence in the log whose state this is, mostly its own; undefined where it is burned. */
  stateOf(sequence: Sequence): Sequence | undefined {
    return sequence > this.through ? sequence : this.#burnedStateOf(sequence)
  }

  #burnedStateOf(sequence: Sequence): Sequence | undefined {
    const episode = this.#episodes.findLast(({ first }) => first <= sequence)
    if (episode === undefined || sequence > episode.wayBack) return sequence
    return sequence === episode.wayBack ? episode.base : undefined
  }
}
