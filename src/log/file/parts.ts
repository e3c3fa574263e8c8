/**
 * Large transactions on their way: which parts of which groups have been met, while frames are read in order.
 *
 * Only places are kept, not bytes: the log is its own spill file, and when the last part is met the pieces are read back
 * from where their parts lie. So memory holds some tens of bytes a segment, however large the transaction is.
 *
 * A group ends by its last part, is given up, or dies when a later term begins: the leader that would have finished it is
 * gone.
 * A group whose beginning has been trimmed away is an orphan: its transaction cannot be read, and only its end matters.
 */
import type { Sequence } from '../commit-log.ts'
import type { FramePart } from './frame.ts'

/** What is asked of a frame here. */
export interface PartFrame {
  readonly part: FramePart
  readonly term: number
  readonly offset: number
}

/** Where the first part in a segment lies; others may follow it there. */
export interface PartPlace {
  readonly segment: number
  readonly frameOffset: number
}

export interface PartGroup {
  readonly group: bigint
  readonly term: number
  /** Of the piece at hand: its length, and the bytes met so far. */
  pieceLength: number
  received: number
  readonly places: PartPlace[]
  readonly orphan: boolean
}

export class OpenGroups {
  private readonly groups = new Map<bigint, PartGroup>()

  get size(): number {
    return this.groups.size
  }

  has(group: bigint): boolean {
    return this.groups.has(group)
  }

  /** Groups of earlier terms are never finished. To be called with every frame's term, in order. */
  enterTerm(term: number): void {
    for (const [id, group] of this.groups) if (group.term < term) this.groups.delete(id)
  }

  /** Takes a part. Returns its group when this was the last part, `damaged` where the parts do not join. */
  add(segment: number, frame: PartFrame, partBytes: number): PartGroup | 'damaged' | undefined {
    const { part } = frame
    if (part.abandoned) {
      this.groups.delete(part.group)
      return undefined
    }
    const group = this.groupOf(frame)
    if (part.offset !== group.received || part.pieceLength !== group.pieceLength) return 'damaged'
    group.received += partBytes
    if (!group.orphan && group.places.at(-1)?.segment !== segment) {
      group.places.push({ segment, frameOffset: frame.offset })
    }
    if (!part.last) return undefined
    this.groups.delete(part.group)
    return group
  }

  /** The part's group, ready for the piece that the part belongs to. */
  private groupOf({ part, term }: PartFrame): PartGroup {
    const { pieceLength } = part
    let group = this.groups.get(part.group)
    if (group === undefined) {
      const orphan = part.offset > 0 || part.later
      group = { group: part.group, term, pieceLength, received: part.offset, places: [], orphan }
      this.groups.set(part.group, group)
    } else if (group.received === group.pieceLength && part.later) {
      group.received = 0
      group.pieceLength = pieceLength
    }
    return group
  }

  /** The lowest segment that an open group still needs. */
  lowestSegment(): number {
    let lowest = Infinity
    for (const group of this.groups.values()) lowest = Math.min(lowest, group.places[0]?.segment ?? Infinity)
    return lowest
  }

  copy(): OpenGroups {
    const copy = new OpenGroups()
    for (const [id, group] of this.groups) copy.groups.set(id, { ...group, places: [...group.places] })
    return copy
  }
}

/** A segment that must stay until everything through a sequence is trimmed. */
export interface NeededSegment {
  readonly number: number
  neededThrough: Sequence
}

/**
 * What a finished group means for its segments (in order of their numbers, without gaps): until when each of them must
 * stay. Who reads along has forgotten what was trimmed.
 */
export function noteNeeded(group: PartGroup, sequence: Sequence, segments: readonly NeededSegment[]): void {
  const lowest = segments[0]!.number
  for (const place of group.places) {
    const needed = segments[place.segment - lowest]
    if (needed !== undefined) needed.neededThrough = Math.max(needed.neededThrough, sequence)
  }
}
