/** Two stores that are told the same, and must answer the same: the subject and the naive model. */
import { compareSlices, copySlice, equalSlices, sliceOf } from '../../base/slice.ts'
import type { KeyRange, Slice } from '../../base/slice.ts'
import type { Cursor, Draft, Mark, OrderedStore, Reader, Snapshot } from '../store.ts'
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

const lowest = sliceOf(new Uint8Array(0))
const highest = sliceOf(new Uint8Array(400).fill(0xff))
const everything: KeyRange = { start: lowest, end: highest }

export class Pair {
  readonly #stores: Open[]
  readonly #pinned: Pinned[] = []
  readonly #check: ((stores: readonly OrderedStore[]) => void) | undefined
  #used: Open
  #shape: KeyShape = 'plain'

  constructor(
    subject: OrderedStore,
    model: OrderedStore,
    check: ((stores: readonly OrderedStore[]) => void) | undefined,
  ) {
    this.#used = { subject, model, sequence: model.current.sequence, unpublished: false, marks: [], draft: undefined }
    this.#stores = [this.#used]
    this.#check = check
  }

  run(command: Command): void {
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
        this.#check?.(this.#stores.map((open) => open.subject))
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
        this.#runOnVersions(command)
    }
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
        this.#check?.(this.#stores.map((open) => open.subject))
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
  compareAll(): void {
    this.#check?.(this.#stores.map((open) => open.subject))
    for (const { subject, model } of [...this.#pinned, ...this.#currents()]) {
      for (const reverse of [false, true]) compareScans(subject, model, everything, reverse, [], [])
    }
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

  #runOnVersions(command: Command): void {
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
        this.#get(command.key, command.which)
        return
      case 'scan': {
        const range = { start: this.#key(command.from), end: this.#key(command.to) }
        const { subject, model } = this.#readers(command.which)
        same(subject.count(range), model.count(range), 'count')
        const seeks = command.seeks.map((n) => this.#key(n))
        compareScans(subject, model, range, command.reverse, seeks, command.skips)
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
    this.#check?.(this.#stores.map((open) => open.subject))
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
    if (n % 3 > 0) this.#used.subject.current.get(this.#key(n % 3 === 1 ? n : n + 1))
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

  #readers(which: number): { subject: Reader; model: Reader } {
    const { subject, model } = this.#used
    return this.#pinned[which] ?? { subject: subject.current, model: model.current }
  }

  #currents(): { subject: Reader; model: Reader }[] {
    return this.#stores.map(({ subject, model }) => ({ subject: subject.current, model: model.current }))
  }

  #get(n: number, which: number): void {
    const { subject, model } = this.#readers(which)
    same(subject.sequence, model.sequence, 'sequence')
    same(text(subject.get(this.#key(n))), text(model.get(this.#key(n))), `get of ${n}`)
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

/** Both cursors step by step; after every few entries a skip, and a seek, if there is one left. */
function compareScans(
  subject: Reader,
  model: Reader,
  range: KeyRange,
  reverse: boolean,
  seeks: readonly Slice[],
  skips: readonly number[],
): void {
  const a = subject.scan(range, { reverse })
  const b = model.scan(range, { reverse })
  const steps = seeks.length + skips.length === 0 ? Infinity : 100
  for (let i = 0; i <= Math.max(seeks.length, skips.length); i++) {
    const seek = i === 0 ? undefined : seeks[i - 1]
    if (seek !== undefined) {
      a.seek(seek)
      b.seek(seek)
    }
    compareSteps(a, b, i & 1)
    const skip = skips[i]
    if (skip !== undefined) same(skipAll(a, skip), skipAll(b, skip), 'skipped')
    compareSteps(a, b, steps)
  }
}

function compareSteps(a: Cursor, b: Cursor, steps: number): void {
  for (let i = 0; i < steps; i++) if (!compareStep(a, b)) return
}

function skipAll(cursor: Cursor, count: number): number {
  let skipped = 0
  for (;;) {
    const passed = cursor.skip(count - skipped)
    if (passed === 0) return skipped
    skipped += passed
  }
}

function compareStep(a: Cursor, b: Cursor): boolean {
  const more = a.next()
  same(more, b.next(), 'next')
  if (!more) return false
  if (!equalSlices(a.key, b.key)) same(text(a.key), text(b.key), 'key')
  if (!equalSlices(a.value, b.value)) same(text(a.value), text(b.value), 'value')
  return true
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
