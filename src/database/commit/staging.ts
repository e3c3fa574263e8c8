/**
 * Pieces of large transactions on their way to the log, while those are still being encoded.
 *
 * An append is in flight at a time, so a piece is one, between the batches of the pipeline: where a batch waits, pieces and
 * batches take turns. A piece counts for nothing until its transaction's last one is appended as a batch (`stagedAs`), so
 * what goes wrong with it is the matter of that transaction alone.
 *
 * Invariants: the pieces of a transaction are staged in order, one after another; a piece is answered once; after
 * `failAll` nothing waits.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Leader, StagedGroup } from '../../log/commit-log.ts'
import type { RecordWriter } from '../../log/record-writer.ts'
import { diskFull, logErrorCode, messageOf, notLeading } from './log-trouble.ts'

interface Piece {
  readonly group: StagedGroup
  /** Of one record. */
  readonly writer: RecordWriter
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** A large transaction's way to the log. */
export interface Staging {
  readonly number: bigint
  /** Resolves once the log has taken the only record of `writer`, which may then be written to again. */
  stage(writer: RecordWriter): Promise<void>
  /** Nothing more comes of what was staged. */
  abandon(): void
}

export class StagingQueue {
  readonly #wake: () => void
  #waiting: Piece[] = []
  #wasPiece = false
  #inFlight: StagedGroup | undefined
  /** Its transaction was given up meanwhile. */
  #abandonInFlight: (() => void) | undefined

  /** `wake`: something waits. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  begin(leader: Leader, clock: () => bigint): Staging {
    const group = leader.beginStaging()
    return {
      number: group.number,
      stage: (writer) =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ group, writer, resolve, reject })
          this.#wake()
        }),
      abandon: () => this.#abandon(group, () => leader.abandon(group, clock())),
    }
  }

  /** A piece that is on its way to the log is answered first. */
  #abandon(group: StagedGroup, abandon: () => void): void {
    this.#waiting = this.#waiting.filter((piece) => piece.group !== group)
    if (this.#inFlight === group) this.#abandonInFlight = abandon
    else abandon()
  }

  /** Whether it is a piece's turn, and not that of the batches. */
  takesTurn(isBatchWaiting: boolean): boolean {
    this.#wasPiece = this.#waiting.length > 0 && !(isBatchWaiting && this.#wasPiece)
    return this.#wasPiece
  }

  /**
   * Stages the piece at the head, which stays there until the log has taken it or will not. What goes wrong is a matter of
   * its transaction, unless it is one of the log: then it is thrown.
   */
  async stageFirst(leader: Leader, clock: bigint): Promise<void> {
    const piece = this.#waiting[0]
    if (piece === undefined) return
    const { bytes, length } = piece.writer
    this.#inFlight = piece.group
    try {
      await leader.stage(piece.group, { bytes, length, clock })
    } catch (error) {
      const code = logErrorCode(error)
      if (code === 'no-space') this.#fail(piece, diskFull(error))
      else if (code === 'too-large') this.#fail(piece, new PolylogError('too_large', messageOf(error)))
      // Nobody knows whether the log has it, and twice it must not be there.
      else if (code === 'unknown') this.#fail(piece, notLeading(messageOf(error)))
      if (code === 'no-space' || code === 'too-large') return
      throw error
    } finally {
      this.#inFlight = undefined
      const abandon = this.#abandonInFlight
      this.#abandonInFlight = undefined
      abandon?.()
    }
    if (this.#waiting[0] === piece) this.#waiting.shift()
    piece.resolve()
  }

  #fail(piece: Piece, error: PolylogError): void {
    if (this.#waiting[0] === piece) this.#waiting.shift()
    piece.reject(error)
  }

  failAll(error: unknown): void {
    for (const piece of this.#waiting.splice(0)) piece.reject(error)
  }
}
