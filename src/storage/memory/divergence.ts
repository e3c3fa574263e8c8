/**
 * The versions of a tree that has a draft: how the next state grows beside the published one, becomes it at once, and can
 * be taken back at once.
 *
 * A draft is a second root over the same pages. At its beginning the epoch is sealed and pinned (`through`), so both
 * sides copy whatever they change of what was there (the common past), and neither can reach what the other one makes:
 *
 *     past ──┬── published   small commits, read by everybody
 *            └── drafted     the large commit's writes and, again, the small commits'
 *
 * `adopt` exchanges the roots: the drafted side is the tree from then on, and the other one is kept as it is for as long
 * as a mark may be put back to a state before the adoption. One entry of the undo log stands for all of it: going back
 * over that entry exchanges the roots again, whatever the draft has written. In the end one side stays and one goes.
 *
 * What a side lets go of is not retired while there are two of them, since the other side may reach it, but only noted:
 *
 * | let go of                          | by the side that stays      | by the side that goes                            |
 * |---|---|---|
 * | of the common past                 | is retired in the end       | is forgotten: the other side has its own opinion |
 * | made since, by that side           | is retired at once          | is retired at once                               |
 * | a subtree made since, which may lie over parts of the past | is retired in the end | is taken apart down to the past |
 *
 * and of the side that goes everything that it has made is retired by a walk from its root, which ends where the past
 * begins. All that is done in small steps (`takeApart`, by `reclaim`), with `through` pinned until the walk is over: it
 * must be able to tell what belongs to the past by the birth of a page that nobody has freed.
 *
 * Invariants: at most one divergence a tree; an object born up to `through` is in a side's list only if the tree at
 * `through` reached it and that side does not; entries of the undo log at or after `from` and before the adoption were
 * made by the published side.
 */
import {
  childrenAt,
  leafRecordsAt,
  levelAt,
  pageBase,
  pageBirth,
  pageWordsOf,
  separatorsAt,
  sizeAt,
} from './page-layout.ts'
import type { AddressSpace } from './address-space.ts'
import { recordBirth } from './record-layout.ts'
import { RetiredList, retiredPage, retiredRecord, retiredSubtree } from './retired-list.ts'
import type { Versions } from './versions.ts'

export class Divergence {
  /** The common past: what was born up to this epoch, which is pinned. */
  readonly through: number
  /** The position in the undo log at which the sides parted. */
  readonly from: number
  /** What each side has let go of. */
  readonly published: RetiredList = new RetiredList()
  readonly drafted: RetiredList = new RetiredList()
  /** The root of the side that is not the tree any more, once the draft was adopted. */
  publishedRoot = 0

  constructor(through: number, from: number) {
    this.through = through
    this.from = from
  }

  get isAdopted(): boolean {
    return this.publishedRoot !== 0
  }
}

/** A side that goes: its root, and what both sides have let go of. */
export class Leftover {
  readonly #space: AddressSpace
  readonly #past: number
  readonly #stays: RetiredList
  readonly #goes: RetiredList
  readonly #walk: RetiredList = new RetiredList()

  constructor(space: AddressSpace, past: number, root: number, stays: RetiredList, goes: RetiredList) {
    this.#space = space
    this.#past = past
    this.#stays = stays
    this.#goes = goes
    this.#walk.push(retiredSubtree, root, 0)
  }

  /** The epoch that must stay pinned until nothing is left. */
  get past(): number {
    return this.#past
  }

  get length(): number {
    return this.#walk.length + this.#stays.length + this.#goes.length
  }

  /** Retires what up to so many steps come to; true where there is more. */
  takeApart(versions: Versions, steps: number): boolean {
    for (let i = 0; i < steps; i++) if (!this.#step(versions)) return false
    return true
  }

  #step(versions: Versions): boolean {
    const walk = this.#walk
    const goes = this.#goes
    const stays = this.#stays
    if (walk.pop()) this.#takePageApart(versions, walk.object)
    else if (goes.pop()) {
      if (goes.kind === retiredSubtree) walk.push(retiredSubtree, goes.object, 0)
    } else if (stays.pop()) {
      if (stays.kind === retiredRecord) versions.retireRecord(stays.object)
      else if (stays.kind === retiredPage) versions.retirePage(stays.object)
      else versions.retireSubtree(stays.object)
    } else return false
    return true
  }

  #takePageApart(versions: Versions, page: number): void {
    if (pageBirth(this.#space, page) <= this.#past) return
    this.#eachBelow(page, (record, child) => {
      if (record !== 0 && recordBirth(this.#space, record) > this.#past) versions.retireRecord(record)
      if (child !== 0) this.#walk.push(retiredSubtree, child, 0)
    })
    versions.retirePage(page)
  }

  #eachBelow(page: number, visit: (record: number, child: number) => void): void {
    const words = pageWordsOf(this.#space, page)
    const base = pageBase(page)
    const isLeaf = words[base + levelAt] === 0
    const records = base + (isLeaf ? leafRecordsAt : separatorsAt)
    const size = words[base + sizeAt]!
    for (let slot = 0; slot < size; slot++) {
      visit(words[records + slot]!, isLeaf ? 0 : words[base + childrenAt + slot]!)
    }
  }

  /** What it will retire: pages with what hangs below them, down to the past, and single objects. For assertions. */
  eachHeld(visit: (kind: number, object: number) => void): void {
    const made = (page: number): void => {
      if (pageBirth(this.#space, page) <= this.#past) return
      visit(retiredPage, page)
      this.#eachBelow(page, (record, child) => {
        if (record !== 0 && recordBirth(this.#space, record) > this.#past) visit(retiredRecord, record)
        if (child !== 0) made(child)
      })
    }
    this.#walk.each((_kind, page) => made(page))
    this.#goes.each((kind, object) => kind === retiredSubtree && made(object))
    this.#stays.each((kind, object) => visit(kind, object))
  }
}
