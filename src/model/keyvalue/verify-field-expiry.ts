/** What must hold of fields that expire (`field-expiry.ts`): each is there, no sooner than its hash says, and is found by its time. */
import type { Slice } from '../../base/slice.ts'
import { sliceOf } from '../../base/slice.ts'
import { ByteReader } from '../../base/bytes.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { StatementSteps } from '../../database/contract.ts'
import { eachEntry, type Place, type Verification } from '../../database/verification/verification.ts'
import { decodeHeader, Header, never } from './codec.ts'
import { index, type Keyspace, writeElementKey, writeExpiryKey, writeFieldByExpiryKey, writeHeaderKey } from './keys.ts'
import { elementReader } from './verify-long-values.ts'

export class FieldExpiryChecker {
  readonly #verification: Verification
  readonly #space: Keyspace
  readonly #where: string
  /** By the generation of a hash: no field of it expires before. */
  readonly #soonest = new Map<number, bigint>()
  readonly #writer = new KeyWriter(64)
  readonly #header = new Header()

  constructor(verification: Verification, space: Keyspace, where: string) {
    this.#verification = verification
    this.#space = space
    this.#where = where
  }

  /** May have to wait. */
  noteHash(key: Slice, { generation, fieldsExpireMs }: Header): void {
    if (fieldsExpireMs === never) return
    const entry = writeExpiryKey(this.#writer, this.#space, fieldsExpireMs, key, index.hashExpiry)
    if (this.#verification.transaction.get(entry) === undefined) {
      this.#report('missing', { where: this.#where, index: 'hashExpiry', key: entry }, 'a hash has no entry')
    }
    this.#soonest.set(generation, fieldsExpireMs)
  }

  *verify(): StatementSteps<void> {
    yield* this.#each(index.fieldExpiry, 'fieldExpiry', (key, value, at) => this.#checkField(key, value, at))
    yield* this.#each(index.fieldsByExpiry, 'fieldsByExpiry', (key, _, at) => this.#checkTime(key, at))
    yield* this.#each(index.hashExpiry, 'hashExpiry', (key, _, at) => this.#checkHash(key, at))
  }

  #each(of: number, name: string, look: (key: Slice, value: Slice, at: Place) => void): StatementSteps<void> {
    const at = { where: this.#where, index: name }
    const range = keyspaceRange(this.#space.id, of)
    return eachEntry(this.#verification, at, range, (key, value) => look(key, value, { ...at, key }))
  }

  #report(what: Parameters<Verification['report']>[0], at: Place, message: string): void {
    this.#verification.report(what, at, message)
  }

  #checkField(key: Slice, { bytes, start, end }: Slice, at: Place): void {
    const { transaction } = this.#verification
    const expiresAtMs = new ByteReader(bytes, start, end).i64le()
    const reader = elementReader(key)
    const generation = reader.integer()
    const field = sliceOf(reader.byteString())
    const soonest = this.#soonest.get(generation)
    const entry = writeElementKey(this.#writer, this.#space, index.field, generation, field)
    if (transaction.get(entry) === undefined) this.#report('extra', at, 'there is no field that expires')
    const byTime = writeFieldByExpiryKey(this.#writer, this.#space, generation, expiresAtMs, field)
    if (transaction.get(byTime) === undefined) this.#report('missing', at, 'the field has no entry under its time')
    if (soonest === undefined) this.#report('extra', at, `no hash of generation ${generation} has fields that expire`)
    else if (expiresAtMs < soonest) this.#report('different', at, 'the field expires before its hash says')
  }

  #checkTime(key: Slice, at: Place): void {
    const reader = elementReader(key)
    const generation = reader.integer()
    const expiresAtMs = reader.int64()
    const field = sliceOf(reader.byteString())
    const entry = writeElementKey(this.#writer, this.#space, index.fieldExpiry, generation, field)
    const stored = this.#verification.transaction.get(entry)
    if (stored === undefined) return this.#report('extra', at, 'the field does not expire')
    const real = new ByteReader(stored.bytes, stored.start, stored.end).i64le()
    if (real !== expiresAtMs) this.#report('extra', at, `the field expires at ${real}`)
  }

  #checkHash(key: Slice, at: Place): void {
    const reader = elementReader(key)
    const expiresAtMs = reader.int64()
    const name = sliceOf(reader.byteString())
    const stored = this.#verification.transaction.get(writeHeaderKey(this.#writer, this.#space, name))
    if (stored === undefined) return this.#report('extra', at, 'the entry leads to no key')
    decodeHeader(stored, this.#header)
    if (this.#header.fieldsExpireMs !== expiresAtMs) this.#report('extra', at, 'the hash says another time')
  }
}
