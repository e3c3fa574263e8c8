/**
 * Two stores that are told the same, and must answer the same: the subject and the naive model. What the subject's reads
 * miss is loaded: a scan of a snapshot goes on where it was; one of `current`, which holds for one turn, is made again.
 */
import { compareSlices, copySlice, equalSlices, sliceOf } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import { isMiss } from '../store.ts'
import type { Cursor, Draft, Mark, Miss, OrderedStore, PagePin, Reader, Snapshot } from '../store.ts'
import { keyOf } from './program.ts'
import type { Command, KeyShape } from './program.ts'

interface Open {
  readonly subject: OrderedStore
  readonly model: OrderedStore
  sequence: number
  unpublished: boolean
  readonly marks: { readonly subject: Mark; readonly model: Mark }[]
  draft: OpenDraft | undefined
}

interface OpenDraft {
  readonly subject: Draft
  readonly model: Draft
  /** What it has touched. */
  readonly keys: Set<string>
  readonly ranges: KeyRange[]
}

interface Pinned {
  readonly subject: Snapshot
  readonly model: Snapshot
}

/** What one can ask of a store beside its contract. */
export interface Abilities {
  /** The store's own assertions, of all stores that came from one `create()` by forks and are open. */
  check?(stores: readonly OrderedStore[]): void
  /** Begins to move what there is to where it stays. */
  handOver?(store: OrderedStore): Promise<void>
  /** Its `count` may answer `undefined`. */
  readonly mayNotCount?: boolean
}

/** A reader of either side, and how what the subject's misses comes in. */
interface Readers {
  readonly subject: Reader
  readonly model: Reader
  readonly isPinned: boolean
  load(miss: Miss): Promise<PagePin>
}

const lowest = sliceOf(new Uint8Array(0))
const highest = sliceOf(new Uint8Array(400).fill(0xff))
const everything: KeyRange = { start: lowest, end: highest }

export class Pair {
  readonly #stores: Open[]
  readonly #pinned: Pinned[] = []
  readonly #abilities: Abilities
  readonly #failures: unknown[] = []
  #used: Open
  #shape: KeyShape = 'plain'

  constructor(subject: OrderedStore, model: OrderedStore, abilities: Abilities) {
    this.#used = { subject, model, sequence: model.current.sequence, unpublished: false, marks: [], draft: undefined }
    this.#stores = [this.#used]
    this.#abilities = abilities
  }

  async run(command: Command): Promise<void> {
    if (this.#failures.length > 0) throw this.#failures[0]
    const used = this.#used
    switch (command.kind) {
      case 'shape':
        this.#shape = command.shape
        return
      case 'put':
        this.#put(command.key, valueOf(command.length, command.fill))
        return
      case 'putRun':
        for (let i = 0, n = command.from; i < command.count; i++, n += command.step) {
          this.#put(n, valueOf((n * 7 + command.fill) % 120, command.fill))
        }
        return
      case 'delete':
        this.#delete(command.key)
        return
      case 'deleteRun':
        for (let i = 0, n = command.from; i < command.count; i++, n += command.step) this.#delete(n)
        return
      case 'deleteRange': {
        const range = { start: this.#key(command.from), end: this.#key(command.to) }
        if (used.draft !== undefined && holdsOwn(used.draft, range)) return
        used.subject.deleteRange(range)
        used.model.deleteRange(range)
        used.unpublished = true
        return
      }
      case 'publish':
        this.#publish(used)
        return
      case 'reclaim':
        used.subject.reclaim(100)
        this.#checkAll()
        return
      case 'handOver':
        await this.#handOver(used, command.ticks)
        return
      case 'draft':
      case 'draftRun':
      case 'draftDeleteRun':
      case 'draftDeleteRange':
      case 'adopt':
      case 'discard':
        this.#runOnDraft(command)
        return
      default:
        await this.#runOnVersions(command)
    }
  }

  async #handOver(used: Open, ticks: number): Promise<void> {
    if (this.#abilities.handOver === undefined) return
    this.#publish(used)
    this.#abilities.handOver(used.subject).catch((error: unknown) => this.#failures.push(error))
    for (let i = 0; i < ticks; i++) await Promise.resolve()
  }

  #checkAll(): void {
    this.#abilities.check?.(this.#stores.map((open) => open.subject))
  }

  #runOnDraft(command: DraftCommand): void {
    const used = this.#used
    const { draft } = used
    if (command.kind === 'draft') {
      if (draft === undefined) this.#beginDraft(used)
      return
    }
    if (draft === undefined) return
    switch (command.kind) {
      case 'draftRun':
        for (let i = 0, n = command.from; i < command.count; i++, n += command.step) {
          draftKey(draft, this.#key(n), valueOf((n * 5 + command.fill) % 120, command.fill))
        }
        return
      case 'draftDeleteRun':
        for (let i = 0, n = command.from; i < command.count; i++, n += command.step) draftKey(draft, this.#key(n))
        return
      case 'draftDeleteRange': {
        const range = { start: this.#key(command.from), end: this.#key(command.to) }
        draft.ranges.push(range)
        draft.subject.deleteRange(range)
        draft.model.deleteRange(range)
        return
      }
      case 'adopt':
        this.#publish(used)
        draft.subject.adopt()
        draft.model.adopt()
        used.draft = undefined
        used.unpublished = true
        this.#publish(used)
        this.#checkAll()
        return
      case 'discard':
        draft.subject.discard()
        draft.model.discard()
        used.draft = undefined
    }
  }

  #beginDraft(used: Open): void {
    this.#publish(used)
    while (used.subject.reclaim(0));
    const keys = new Set<string>()
    const ranges: KeyRange[] = []
    const subject = used.subject.draft((key) => keys.has(text(key)!) || ranges.some((range) => contains(range, key)))
    const model = used.model.draft(() => false)
    same(subject === undefined, model === undefined, 'that there can be no draft')
    if (subject !== undefined && model !== undefined) used.draft = { subject, model, keys, ranges }
  }

  /** Every state that can be read, from the first key to the last and back, and the store's own assertions. */
  async compareAll(): Promise<void> {
    this.#checkAll()
    for (const pinned of this.#pinned) await compareStates(pinned)
    for (const open of this.#stores) {
      this.#publish(open)
      const pinned = { subject: open.subject.snapshot(), model: open.model.snapshot() }
      await compareStates(pinned)
      pinned.subject.release()
      pinned.model.release()
    }
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  /** The store in use, published, and a model of what its checkpoint must hold. */
  beginCheckpoint(): { store: OrderedStore; sequence: number; expected: OrderedStore } {
    this.#publish(this.#used)
    const { subject, model, sequence } = this.#used
    return { store: subject, sequence, expected: model.fork() }
  }

  closeAll(): void {
    for (const { subject, model } of this.#pinned) {
      subject.release()
      model.release()
    }
    for (const { subject, model } of this.#stores) {
      subject.close()
      model.close()
    }
  }

  async #runOnVersions(command: Command): Promise<void> {
    const used = this.#used
    switch (command.kind) {
      case 'snapshot':
        this.#publish(used)
        this.#pinned.push({ subject: used.subject.snapshot(), model: used.model.snapshot() })
        return
      case 'release': {
        const [pinned] = this.#pinned.splice(command.which, 1)
        pinned?.subject.release()
        pinned?.model.release()
        return
      }
      case 'fork': {
        if (this.#stores.length > 4) return
        this.#publish(used)
        const { sequence } = used
        const fork = { subject: used.subject.fork(), model: used.model.fork() }
        this.#stores.push({ ...fork, sequence, unpublished: false, marks: [], draft: undefined })
        return
      }
      case 'mark':
        this.#publish(used)
        used.marks.push({ subject: used.subject.mark(), model: used.model.mark() })
        return
      case 'rollback':
        this.#rollBack(used, command.which)
        return
      case 'letGo': {
        const [mark] = used.marks.splice(command.which, 1)
        mark?.subject.release()
        mark?.model.release()
        return
      }
      case 'use':
        this.#used = this.#stores[command.which % this.#stores.length]!
        return
      case 'close':
        this.#close(command.which)
        return
      case 'get':
        await this.#get(command.key, command.which)
        return
      case 'getRun':
        await this.#getRun(command)
        return
      case 'scan': {
        const range = { start: this.#key(command.from), end: this.#key(command.to) }
        const readers = this.#readers(command.which)
        const counted = await read(readers, () => readers.subject.count(range))
        const isTold = counted !== undefined || this.#abilities.mayNotCount !== true
        if (isTold) same(counted, readers.model.count(range), 'count')
        const estimate = await read(readers, () => readers.subject.estimate(range))
        if (this.#abilities.mayNotCount !== true) same(estimate, readers.model.count(range), 'estimate')
        const seeks = command.seeks.map((n) => this.#key(n))
        await compareScans(readers, range, command.reverse, seeks, command.skips)
      }
    }
  }

  #rollBack(used: Open, which: number): void {
    const mark = used.marks[which]
    if (mark === undefined) return
    this.#publish(used)
    mark.subject.rollback()
    mark.model.rollback()
    used.sequence = mark.model.sequence
    same(used.subject.current.sequence, used.sequence, 'sequence')
    same(used.draft?.subject.isOpen ?? false, false, 'that the draft is open')
    used.draft = undefined
    for (const later of used.marks.splice(which + 1)) later.subject.release()
    this.#checkAll()
  }

  #close(which: number): void {
    if (this.#stores.length === 1) return
    const [closed] = this.#stores.splice(which % this.#stores.length, 1)
    closed!.subject.close()
    closed!.model.close()
    if (closed === this.#used) this.#used = this.#stores[0]!
  }

  #key(n: number): Slice {
    return sliceOf(keyOf(n, this.#shape))
  }

  /** Most keys are read before they are written: stores may remember where they found them. */
  #put(n: number, value: Slice): void {
    if (n % 3 > 0) touch(this.#used.subject.current, this.#key(n % 3 === 1 ? n : n + 1))
    this.#used.subject.put(this.#key(n), value)
    this.#used.model.put(this.#key(n), value)
    this.#used.unpublished = true
  }

  #delete(n: number): void {
    this.#used.subject.delete(this.#key(n))
    this.#used.model.delete(this.#key(n))
    this.#used.unpublished = true
  }

  #publish(open: Open): void {
    if (!open.unpublished) return
    open.sequence++
    open.subject.publish(open.sequence)
    open.model.publish(open.sequence)
    open.unpublished = false
  }

  #readers(which: number): Readers {
    const pinned = this.#pinned[which]
    return pinned === undefined ? this.#ofCurrent(this.#used) : ofPinned(pinned)
  }

  /** What a transaction is in the middle of has no page that could be pinned: it is ended first. */
  #ofCurrent(open: Open): Readers {
    const load = async (miss: Miss): Promise<PagePin> => {
      this.#publish(open)
      const snapshot = open.subject.snapshot()
      return snapshot.load(miss).finally(() => snapshot.release())
    }
    return { subject: open.subject.current, model: open.model.current, isPinned: false, load }
  }

  async #getRun({ from, count, step, which }: Command & { readonly kind: 'getRun' }): Promise<void> {
    for (let i = 0, n = from; i < count; i++, n += step) {
      await this.#get(n, which)
      if (which % 2 === 0) await this.#get(n, which)
    }
  }

  async #get(n: number, which: number): Promise<void> {
    const readers = this.#readers(which)
    const { subject, model } = readers
    const found = await read(readers, () => text(subject.get(this.#key(n))))
    same(found, text(model.get(this.#key(n))), `get of ${n}`)
    same(subject.sequence, model.sequence, 'sequence')
  }
}

async function compareStates(pinned: Pinned): Promise<void> {
  for (const reverse of [false, true]) await compareScans(ofPinned(pinned), everything, reverse, [], [])
}

function ofPinned({ subject, model }: Pinned): Readers {
  return { subject, model, isPinned: true, load: (miss) => subject.load(miss) }
}

/** Run again with what it has missed, until it gets through. */
async function read<T>(readers: Pick<Readers, 'load'>, run: () => T | Promise<T>): Promise<T> {
  const pins: PagePin[] = []
  try {
    for (;;) {
      try {
        return await run()
      } catch (error) {
        if (!isMiss(error)) throw error
        pins.push(await readers.load(error))
      }
    }
  } finally {
    for (const pin of pins) pin.release()
  }
}

function touch(reader: Reader, key: Slice): void {
  try {
    reader.get(key)
  } catch (error) {
    if (!isMiss(error)) throw error
  }
}

type DraftCommand = Extract<
  Command,
  { kind: 'draft' | 'draftRun' | 'draftDeleteRun' | 'draftDeleteRange' | 'adopt' | 'discard' }
>

function draftKey(draft: OpenDraft, key: Slice, value?: Slice): void {
  draft.keys.add(text(key)!)
  for (const side of [draft.subject, draft.model]) {
    if (value === undefined) side.delete(key)
    else side.put(key, value)
  }
}

function contains(range: KeyRange, key: Slice): boolean {
  return compareSlices(range.start, key) <= 0 && compareSlices(key, range.end) < 0
}

function holdsOwn(draft: OpenDraft, range: KeyRange): boolean {
  if (
    draft.ranges.some(({ start, end }) => compareSlices(start, range.end) < 0 && compareSlices(range.start, end) < 0)
  ) {
    return true
  }
  const [start, end] = [text(range.start)!, text(range.end)!]
  for (const key of draft.keys) if (start <= key && key < end) return true
  return false
}

/**
 * Both cursors step by step; after every few entries a skip, and a seek, if there is one left. Of `current` all of it is one
 * turn, without so much as a microtask in between: a store may change by itself.
 */
function compareScans(
  readers: Readers,
  range: KeyRange,
  reverse: boolean,
  seeks: readonly Slice[],
  skips: readonly number[],
): Promise<void> {
  const steps = seeks.length + skips.length > 0 ? 100 : readers.isPinned ? Infinity : 1000
  return read(readers, async () => {
    const a = readers.subject.scan(range, { reverse })
    const b = readers.model.scan(range, { reverse })
    for (const error of compareCursors(a, b, steps, seeks, skips)) {
      // A cursor of a snapshot goes on after a miss; that of `current` does not, and all is done again.
      if (!isMiss(error) || !readers.isPinned) throw error
      const pin = await readers.load(error)
      pin.release()
    }
  })
}

/** Yields what the subject's cursor throws, and asks it again. */
function* compareCursors(
  a: Cursor,
  b: Cursor,
  steps: number,
  seeks: readonly Slice[],
  skips: readonly number[],
): Generator<unknown, void> {
  for (let i = 0; i <= Math.max(seeks.length, skips.length); i++) {
    const seek = i === 0 ? undefined : seeks[i - 1]
    if (seek !== undefined) {
      a.seek(seek)
      b.seek(seek)
    }
    yield* compareSteps(a, b, i & 1)
    const skip = skips[i]
    if (skip !== undefined) same(yield* skipAll(a, skip), skipOf(b, skip), 'skipped')
    yield* compareSteps(a, b, steps)
  }
}

function* compareSteps(a: Cursor, b: Cursor, steps: number): Generator<unknown, void> {
  for (let i = 0; i < steps; i++) {
    let more: boolean | undefined
    while (more === undefined) {
      try {
        more = a.next()
      } catch (error) {
        yield error
      }
    }
    same(more, b.next(), 'next')
    if (!more) return
    compareEntry(a, b)
  }
}

function* skipAll(a: Cursor, count: number): Generator<unknown, number> {
  let skipped = 0
  for (;;) {
    try {
      const passed = a.skip(count - skipped)
      if (passed === 0) return skipped
      skipped += passed
    } catch (error) {
      yield error
    }
  }
}

function skipOf(cursor: Cursor, count: number): number {
  let skipped = 0
  for (let passed = -1; passed !== 0; skipped += passed) passed = cursor.skip(count - skipped)
  return skipped
}

function compareEntry(a: Cursor, b: Cursor): void {
  if (!equalSlices(a.key, b.key)) same(text(a.key), text(b.key), 'key')
  if (!equalSlices(a.value, b.value)) same(text(a.value), text(b.value), 'value')
}

function same(subject: unknown, model: unknown, what: string): void {
  if (subject !== model)
    throw new Error(`${what}: ${String(subject).slice(0, 200)}, not ${String(model).slice(0, 200)}`)
}

function text(slice: Slice | undefined): string | undefined {
  return slice === undefined ? undefined : Buffer.from(copySlice(slice)).toString('latin1')
}

function valueOf(length: number, fill: number): Slice {
  const bytes = new Uint8Array(length).fill(fill)
  for (let i = 0; i < length; i += 61) bytes[i] = i >> 4
  return sliceOf(bytes)
}
