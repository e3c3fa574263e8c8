/**
 * What must hold of streams (`streams.ts`, `stream-groups.ts`): no entry lies above the last id; every group belongs to a
 * stream, every consumer to a group; whatever is pending has an owner, in whose list it is, and no list has anything else.
 */
import { type Slice, sliceOf } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { eachEntry, type Place, type Verification } from '../../database/verification/verification.ts'
import type { Header } from './codec.ts'
import { index, type Keyspace } from './keys.ts'
import { entryStrings } from './stream-entries.ts'
import { decodeGroup, decodePending } from './stream-groups.ts'
import { formatStreamId } from './stream-ids.ts'
import { entryRange, idOfKey, writeConsumerKey, writeOwnedKey, writePendingKey } from './stream-keys.ts'
import { elementReader } from './verify-long-values.ts'

type Report = (message: string) => void

export class StreamChecker {
  readonly #verification: Verification
  readonly #space: Keyspace
  readonly #where: string
  /** Generations of streams that have groups. */
  readonly #streams = new Set<number>()
  /** `generation number` of each. */
  readonly #groups = new Set<string>()
  readonly #writer = new KeyWriter(64)

  constructor(verification: Verification, space: Keyspace, where: string) {
    this.#verification = verification
    this.#space = space
    this.#where = where
  }

  /** Of a stream that was found. It may have to wait, and be called again. */
  checkHeader({ generation, stream }: Header, report: Report): void {
    const { lastId, hasGroups } = stream!
    const cursor = this.#verification.transaction.scan(entryRange(this.#space, generation), { reverse: true })
    const last = cursor.next() ? idOfKey(cursor.key) : undefined
    if (last !== undefined && last > lastId) {
      report(`it says that its last id is ${formatStreamId(lastId)}, and has ${formatStreamId(last)}`)
    }
    if (hasGroups) this.#streams.add(generation)
  }

  /** Of one that does not lie in pieces. */
  checkEntry(value: Slice, report: Report): void {
    const strings = entryStrings(value)
    if (strings.length === 0 || strings.length % 2 !== 0) report(`an entry has ${strings.length} fields and values`)
  }

  *verify(): StatementSteps<void> {
    yield* this.#each(index.group, 'group', (key, value, at) => this.#checkGroup(key, value, at))
    yield* this.#each(index.consumer, 'consumer', (key, _, at) => this.#checkBelongs(key, at, 'a consumer'))
    yield* this.#each(index.pending, 'pending', (key, value, at) => this.#checkPending(key, value, at))
    yield* this.#each(index.owned, 'owned', (key, _, at) => this.#checkOwned(key, at))
  }

  #each(of: number, name: string, look: (key: Slice, value: Slice, at: Place) => void): StatementSteps<void> {
    const at = { where: this.#where, index: name }
    const range = keyspaceRange(this.#space.id, of)
    return eachEntry(this.#verification, at, range, (key, value) => look(key, value, { ...at, key }))
  }

  #checkGroup(key: Slice, value: Slice, at: Place): void {
    const generation = elementReader(key).integer()
    const report: Report = (message) => this.#verification.report('extra', at, message)
    const { number } = decodeGroup(new Uint8Array(0), value)
    if (!this.#streams.has(generation)) report(`no stream of generation ${generation} has groups`)
    if (number >= this.#verification.numbersEnd) report(`number ${number} is in use, and may be given out again`)
    if (this.#groups.has(`${generation} ${number}`)) report(`two groups have the number ${number}`)
    this.#groups.add(`${generation} ${number}`)
  }

  /** Whose it is; undefined where there is no such group. */
  #checkBelongs(key: Slice, at: Place, what: string): { generation: number; group: number } | undefined {
    const reader = elementReader(key)
    const generation = reader.integer()
    const group = reader.integer()
    if (this.#groups.has(`${generation} ${group}`)) return { generation, group }
    this.#verification.report('extra', at, `${what} belongs to no group`)
    return undefined
  }

  #checkPending(key: Slice, value: Slice, at: Place): void {
    const found = this.#checkBelongs(key, at, 'what is pending')
    if (found === undefined) return
    const { generation, group } = found
    const id = idOfKey(key)
    const owner = sliceOf(decodePending(value).consumer)
    const { transaction } = this.#verification
    const consumer = writeConsumerKey(this.#writer, this.#space, generation, group, owner)
    if (transaction.get(consumer) === undefined) {
      this.#verification.report('extra', at, `${formatStreamId(id)} is pending for a consumer that is not there`)
    }
    const owned = writeOwnedKey(this.#writer, this.#space, generation, group, owner, id)
    if (transaction.get(owned) !== undefined) return
    this.#verification.report('missing', at, `${formatStreamId(id)} is not in the list of its consumer`)
  }

  #checkOwned(key: Slice, at: Place): void {
    const reader = elementReader(key)
    const generation = reader.integer()
    const group = reader.integer()
    const consumer = reader.byteString()
    const pending = writePendingKey(this.#writer, this.#space, generation, group, idOfKey(key))
    const stored = this.#verification.transaction.get(pending)
    if (stored === undefined) return this.#verification.report('extra', at, 'the list has what is not pending')
    if (Buffer.compare(decodePending(stored).consumer, consumer) === 0) return
    this.#verification.report('extra', at, 'the list has what is pending for another consumer')
  }
}
