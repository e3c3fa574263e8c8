/**
 * A follower's work: the log is read for as long as it grows, and each record is made the newest state, as it was where it
 * was committed. Nothing is evaluated for that: all index entries are in the record (rule 1), and what it says of the
 * catalog is applied to the catalog (rule 2: state is a checkpoint and the log after it).
 *
 *   record ──▶ store ──▶ catalog ──▶ conflict index (for who watches keys) ──▶ published as the record's sequence
 *
 * A record of many operations, which the log may give in pieces, goes into a draft of the store, slice by slice, and is seen
 * by nobody before all of it is there; a small one is applied in one turn. What is read from the log is durable, so that everything a follower shows is.
 *
 * Invariants: sequences are applied one by one, without gaps, each once; a reader sees whole transactions only; after `stop`
 * has resolved nothing is applied any more.
 */
import { PolylogError } from '../../base/errors.ts'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { endOfRecord, type CommitLog, type LogBatch } from '../../log/commit-log.ts'
import { operationKinds, RecordReader } from '../../log/record.ts'
import type { Draft, OrderedStore } from '../../storage/store.ts'
import { catalogKeyspace, engineOfEntry } from '../catalog/catalog-entries.ts'
import type { CatalogState } from '../catalog/catalog-state.ts'
import type { ConflictIndex } from '../transaction/conflict-index.ts'
import type { KeyWaits } from '../transaction/key-waits.ts'
import type { Sequence } from '../contract.ts'
import { type Engines, memoryEngine } from '../engines.ts'
import { logErrorCode } from '../commit/log-trouble.ts'
import { noteRecord, noteWaited } from '../commit/note-refused.ts'
import { Outage } from '../commit/outage.ts'
import { FollowingStore, fullKey, Replayer, type ReplayTarget } from '../directory/recovery.ts'
import type { Host } from '../../host/host.ts'

/** The database that follows. */
export interface FollowTarget {
  readonly host: Host
  readonly log: CommitLog
  readonly store: OrderedStore
  readonly engines: Engines | undefined
  readonly conflicts: ConflictIndex
  readonly keyWaits: KeyWaits
  catalog: CatalogState
  /** The state at this sequence is the newest from now on. */
  followed(sequence: Sequence, batch: LogBatch): void
}

/** Looks on while records are applied one by one, each between two states. */
export interface FollowVisitor {
  /** The state is still that before the transaction; of one in pieces, for each of them. */
  before(record: EncodedRecord): void
  /** The state is the one after it. Nothing further is applied until it has resolved. */
  after(sequence: Sequence, batch: LogBatch): Promise<void> | void
}

export interface EncodedRecord {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** A record of more bytes is applied in slices. */
const largeRecordBytes = 128 * 1024
const operationsPerSlice = 1_000
/** Records that are applied in one turn, at most, and bytes of them. */
const recordsPerTurn = 500
const bytesPerTurn = 512 * 1024
const reclaimSliceUs = 500

export class FollowLoop {
  readonly #target: FollowTarget
  readonly #abort = new AbortController()
  readonly #replayer: Replayer
  readonly #reader = new RecordReader()
  readonly #key = new KeyWriter()
  /** Of a large record, while it is applied. */
  #draft: Draft | undefined
  /** Of the record that is being applied. */
  #catalogChanges: { readonly key: Slice; readonly value: Slice | undefined }[] = []
  #ended: Promise<void> = Promise.resolve()
  #bytesInTurn = 0
  #recordsInTurn = 0
  /** Why it follows no longer, where nobody has told it to stop. */
  failure: unknown
  records = 0
  /** Records that were applied in slices. */
  sliced = 0

  constructor(target: FollowTarget) {
    this.#target = target
    this.#replayer = new Replayer(this.#following(target.store))
  }

  #following(store: ReplayTarget): ReplayTarget {
    const { engines } = this.#target
    return engines === undefined ? store : new FollowingStore(store, engines)
  }

  /** Applies what the log holds through `to`, or as much of it as `signal` allows. Errors: those of the log. */
  async catchUp(to: Sequence, signal: AbortSignal, visitor?: FollowVisitor): Promise<void> {
    // What the log holds need not be durable yet.
    if (to > this.#target.store.current.sequence) await this.#apply({ to, follow: true, signal }, visitor)
  }

  /** From now on, until `stop`; a log that cannot be reached is waited for. `onFailure`: it follows no longer. */
  start(onFailure: (error: unknown) => void = () => undefined): void {
    this.#ended = this.#follow().catch((error: unknown) => {
      this.failure = error
      onFailure(error)
    })
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#ended
    this.#forgetPieces()
  }

  async #follow(): Promise<void> {
    const outage = new Outage(this.#target.host, Infinity)
    this.#abort.signal.addEventListener('abort', () => outage.stop())
    while (!this.#abort.signal.aborted) {
      try {
        await this.#apply({ follow: true, signal: this.#abort.signal })
        return
      } catch (error) {
        if (logErrorCode(error) !== 'unavailable' || !(await outage.next())) throw error
      }
    }
  }

  async #apply(
    options: { to?: Sequence; follow?: boolean; signal?: AbortSignal },
    visitor?: FollowVisitor,
  ): Promise<void> {
    const { log, store } = this.#target
    this.#forgetPieces()
    for await (const batch of log.read(store.current.sequence + 1, options)) {
      for (let i = 0; i < batch.offsets.length; i++) {
        const sequence = batch.first + i
        if (sequence <= store.current.sequence) continue
        if (options.signal?.aborted === true) return
        visitor?.before(recordIn(batch, i))
        await this.#applyRecord(batch, i, sequence)
        if (visitor !== undefined && batch.continues !== true) await visitor.after(sequence, batch)
        if (sequence === options.to && batch.continues !== true) return
      }
    }
  }

  async #applyRecord(batch: LogBatch, index: number, sequence: Sequence): Promise<void> {
    const { store, conflicts, keyWaits } = this.#target
    if (sequence !== store.current.sequence + 1) throw gap(store.current.sequence, sequence)
    const record = recordIn(batch, index)
    const size = record.end - record.start
    const inPieces = batch.continues === true || this.#draft !== undefined
    if (inPieces || size > largeRecordBytes) await this.#fillDraft(record)
    else {
      this.#recordsInTurn++
      this.#bytesInTurn += size
      if (this.#recordsInTurn > recordsPerTurn || this.#bytesInTurn > bytesPerTurn) await this.#turn()
      this.#replayer.apply(record.bytes, record.start, record.end)
    }
    this.#takeCatalogChanges(record)
    if (batch.continues === true) return
    this.#adoptDraft()
    store.publish(sequence)
    this.#applyToCatalog()
    // Of very many keys nobody is told one by one.
    if (conflicts.active && inPieces) conflicts.addRange('', '\xff', sequence)
    else if (conflicts.active) noteRecord(conflicts, this.#open(record), sequence)
    if (keyWaits.areThere && inPieces) keyWaits.disturb()
    else if (keyWaits.areThere) noteWaited(keyWaits, this.#open(record))
    this.records++
    this.#target.followed(sequence, batch)
    keyWaits.deliver()
  }

  #open({ bytes, start, end }: EncodedRecord): RecordReader {
    return this.#reader.open(bytes, start, end)
  }

  #turn(): Promise<void> {
    this.#recordsInTurn = this.#bytesInTurn = 0
    return new Promise((resolve) => this.#target.host.turn(resolve))
  }

  async #fillDraft({ bytes, start, end }: EncodedRecord): Promise<void> {
    const draft = (this.#draft ??= await this.#openDraft())
    const replayer = new Replayer(this.#following(draft))
    replayer.open(bytes, start, end)
    while (replayer.step(operationsPerSlice)) await this.#turn()
  }

  /** Nobody else writes to the store, so the draft is the only one to be asked. */
  async #openDraft(): Promise<Draft> {
    const { store } = this.#target
    for (;;) {
      const draft = store.draft(() => true)
      if (draft !== undefined) return draft
      await this.#turn()
      store.reclaim(reclaimSliceUs)
    }
  }

  #adoptDraft(): void {
    if (this.#draft === undefined) return
    this.#draft.adopt()
    this.#draft = undefined
    this.sliced++
  }

  /** What was read of a record in pieces is read again. */
  #forgetPieces(): void {
    this.#draft?.discard()
    this.#draft = undefined
    this.#catalogChanges = []
  }

  #takeCatalogChanges(record: EncodedRecord): void {
    const reader = this.#open(record)
    while (reader.next()) {
      const { kind } = reader
      if (kind !== operationKinds.catalogPut && kind !== operationKinds.catalogDelete) continue
      const key = sliceOf(copySlice(fullKey(this.#key, catalogKeyspace, reader.key)))
      const value = kind === operationKinds.catalogPut ? sliceOf(copySlice(reader.value)) : undefined
      if (value !== undefined) this.#checkEngine(key, value)
      this.#catalogChanges.push({ key, value })
    }
  }

  /** Of a log without a folder there is no place for it. */
  #checkEngine(key: Slice, value: Slice): void {
    const engine = engineOfEntry(key, value)?.engine
    if (engine === undefined || engine === memoryEngine || this.#target.engines !== undefined) return
    throw new PolylogError('unsupported', `a collection in the engine "${engine}" cannot be followed without a folder`)
  }

  #applyToCatalog(): void {
    if (this.#catalogChanges.length === 0) return
    let { catalog } = this.#target
    for (const { key, value } of this.#catalogChanges) catalog = catalog.applied(key, value)
    this.#catalogChanges = []
    this.#target.catalog = catalog
  }
}

export function recordIn(batch: LogBatch, index: number): EncodedRecord {
  return { bytes: batch.bytes, start: batch.offsets[index]!, end: endOfRecord(batch, index) }
}

function gap(last: Sequence, next: Sequence): PolylogError {
  return new PolylogError('data_corrupted', `the log goes on at sequence ${next}, and ${last} was its last`)
}
