/**
 * Large transactions on their way: which parts of which groups have been met, while frames are read in order.
 *
 * Only places are kept, not bytes: the log is its own spill file, and when the last part is met the record is read back
 * from where its parts lie. So memory holds some tens of bytes a part, however many large transactions interleave.
 *
 * A group ends by its last part, or dies when a later term begins: the leader that would have finished it is gone.
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

export interface PartPlace {
  readonly segment: number
  readonly frameOffset: number
}

export interface PartGroup {
  readonly group: bigint
  readonly term: number
  readonly recordLength: number
  /** Bytes met so far. */
  received: number
  readonly places: PartPlace[]
  readonly orphan: boolean
}

export class OpenGroups {
  private readonly groups = new Map<bigint, PartGroup>()

  get size(): number {
    return this.groups.size
  }

  /** Groups of earlier terms are never finished. To be called with every frame's term, in order. */
  enterTerm(term: number): void {
    for (const [id, group] of this.groups) if (group.term < term) this.groups.delete(id)
  }

  /** Takes a part. Returns its group when this was the last part, `damaged` where the parts do not join. */
  add(segment: number, frame: PartFrame, partBytes: number): PartGroup | 'damaged' | undefined {
    const { part } = frame
    let group = this.groups.get(part.group)
    if (group === undefined) {
      const { recordLength } = part
      group = {
        group: part.group,
        term: frame.term,
        recordLength,
        received: part.offset,
        places: [],
        orphan: part.offset > 0,
      }
      this.groups.set(part.group, group)
    }
    if (part.offset !== group.received || part.recordLength !== group.recordLength) return 'damaged'
    group.received += partBytes
    if (!group.orphan) group.places.push({ segment, frameOffset: frame.offset })
    if (!part.last) return undefined
    this.groups.delete(part.group)
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

/** What a finished group means for its segments: until when each of them must stay. */
export function noteNeeded(
  group: PartGroup,
  sequence: Sequence,
  need: (segment: number, through: Sequence) => void,
): void {
  for (const place of group.places) need(place.segment, sequence)
}
