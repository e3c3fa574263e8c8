/**
 * A store and its forks share chunks; this is what they share, and who is still there.
 *
 * Each tree frees what it made itself. A fork pins the epoch of its parent that it began with, so the parent keeps what
 * the fork inherited; a closed tree stays in the family until its own pins, forks among them, are gone and everything it
 * made is freed. Then it lets go of its parent. Any member's `reclaim` works for the whole family, since a closed one
 * has nobody else to do it.
 */
import { AddressSpace } from './address-space.ts'
import type { ChunkNote } from './address-space.ts'
import { ChunkSource } from './chunk-source.ts'
import { PageAllocator } from './page-allocator.ts'
import { RecordArena } from './record-arena.ts'
import type { MemoryFamily, Versions } from './versions.ts'

export interface Member {
  readonly versions: Versions
  /** Called once, when nothing of the tree is left. */
  drained(): void
}

export class Family implements MemoryFamily {
  readonly space: AddressSpace = new AddressSpace()
  readonly source: ChunkSource = new ChunkSource()
  readonly pages: PageAllocator
  readonly records: RecordArena
  readonly members: Set<Member> = new Set()
  /** Told of every chunk before anything in it is published. */
  readonly listeners: Set<(note: ChunkNote) => void> = new Set()

  constructor(poison: boolean, firstRecordChunk = 0) {
    const placed = (note: ChunkNote): void => {
      this.space.place(note)
      for (const listener of this.listeners) listener(note)
    }
    this.pages = new PageAllocator(this.space, this.source, placed, poison)
    this.records = new RecordArena(this.space, this.source, placed, poison, firstRecordChunk)
  }

  get reservedBytes(): number {
    return this.pages.reservedBytes + this.records.reservedBytes
  }

  get usedBytes(): number {
    return this.pages.usedBytes + this.records.usedBytes
  }

  /** Frees up to so many objects of each member; true where there is more to do. */
  reclaim(objects: number): boolean {
    let more = false
    for (const member of this.members) {
      if (member.versions.reclaim(objects)) more = true
      if (!member.versions.drained) continue
      this.members.delete(member)
      member.drained()
      more = true
    }
    if (this.members.size > 0) return more
    this.space.clear()
    return false
  }
}
