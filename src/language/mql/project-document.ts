/**
 * Applies a projection's tree to a document.
 *
 * What is written is a document per branch of the tree, and an array may hold a hundred thousand of them: so the writer has
 * a stack of its own in place of calls, writes some fields a step, and is left and gone on with between two of them where
 * the turn is over (`base/resumption.ts`). Elements that stay as they are come in runs, which are copied as bytes.
 *
 * Invariants: a step that throws (an expression that is evaluated elsewhere) has written nothing that it would write again:
 * values are computed before the first byte of their element.
 */
import { part } from '../../base/resumption.ts'
import { charge } from '../../base/work.ts'
import { ByteWriter } from '../../base/bytes.ts'
import { bsonType, type BsonValue, FieldCursor, isNestedType } from '../../model/document/bson.ts'
import { BsonWriter, indexName } from '../../model/document/bson-writer.ts'
import type { Expression } from './expression-contract.ts'
import type { Scope } from './scope.ts'

export type Node =
  | { readonly kind: 'listed' }
  | { readonly kind: 'computed'; readonly expression: Expression }
  /** Of find's `$slice`, `$elemMatch` and positional operator: what stays of the field's value. */
  | { readonly kind: 'changed'; readonly change: (value: BsonValue, document: BsonValue) => BsonValue }
  | Branch

export interface Branch {
  readonly kind: 'nested'
  readonly children: Map<string, Node>
  /** It or a branch below it has a computed field. */
  computes: boolean
}

/** What happens to fields that the tree does not name: `include` drops them, the others keep them. */
export type Mode = 'include' | 'exclude' | 'add'

export const newBranch = (): Branch => ({ kind: 'nested', children: new Map(), computes: false })

export function projectDocument(document: BsonValue, root: Branch, mode: Mode, scope: Scope): BsonValue {
  return part(
    () => new DocumentProjection(document, root, mode, scope),
    (projection) => projection.step(),
  ).made!
}

/** A document of the result that is open. */
interface Place {
  readonly branch: Branch
  /** Its fields or elements that are left; none where only computed ones are. */
  cursor: FieldCursor | undefined
  /** The cursor stands at one that is not done with. */
  isAt: boolean
  /** Computed fields that are left, when the cursor is at its end. */
  fresh: Iterator<[string, Node]> | undefined
  next: readonly [string, Node] | undefined
  /** Names of the branch that the document has: kept where it computes. */
  readonly met: Set<string> | undefined
  /** Of an array: the index of its next element. */
  index: number | undefined
  /** Names of the branch that were not met. */
  left: number
}

const fieldsAtOnce = 64
const copiedAtOnce: number = 1024 * 1024
const unitsPerField = 60
/** Larger documents get room for what stays of them at once. */
const roomBytes = 16 * 1024

class DocumentProjection {
  made: BsonValue | undefined
  readonly #writer: BsonWriter
  readonly #mode: Mode
  readonly #scope: Scope
  readonly #places: Place[] = []
  /** Elements that stay as they are and are not written yet. */
  #run: Uint8Array
  #runStart = 0
  #runEnd = 0
  #hasComputed = false

  constructor(document: BsonValue, root: Branch, mode: Mode, scope: Scope) {
    const sizeBytes = document.end - document.start
    const keepsMost = mode !== 'include' && sizeBytes > roomBytes
    this.#writer = new BsonWriter(new ByteWriter(keepsMost ? sizeBytes + roomBytes : undefined)).begin()
    this.#mode = mode
    this.#scope = scope
    this.#run = document.bytes
    this.#open(root, document)
  }

  /** Some of the fields; true: there are no more. */
  step(): boolean {
    this.#hasComputed = false
    for (let i = 0; i < fieldsAtOnce; i++) {
      const place = this.#places.at(-1)
      if (place === undefined) {
        this.made = this.#writer.end().takeValue()
        return true
      }
      const isCopied = this.#advance(place)
      if (!isCopied) return false
    }
    charge(unitsPerField * fieldsAtOnce)
    return false
  }

  #open(branch: Branch, value: BsonValue | undefined): void {
    const isArray = value?.type === bsonType.array
    this.#places.push({
      branch,
      cursor: value && FieldCursor.of(value),
      isAt: false,
      fresh: undefined,
      next: undefined,
      met: branch.computes && !isArray ? new Set() : undefined,
      index: isArray ? 0 : undefined,
      left: branch.children.size,
    })
  }

  /** The next element, or the next computed field. False: a run has to be copied before it, and is not done. */
  #advance(place: Place): boolean {
    const { cursor } = place
    if (cursor === undefined) return this.#advanceNew(place)
    if (!place.isAt && (this.#isRead(place) || !cursor.next())) {
      place.cursor = undefined
      return true
    }
    place.isAt = true
    const isDone = place.index === undefined ? this.#field(place, cursor) : this.#element(place, cursor, place.index)
    if (isDone) place.isAt = false
    return isDone
  }

  /** Nothing of what comes stays. */
  #isRead({ left, index }: Place): boolean {
    return left === 0 && this.#mode === 'include' && index === undefined
  }

  #field(place: Place, cursor: FieldCursor): boolean {
    const name = place.left === 0 ? undefined : cursor.name
    const node = name === undefined ? undefined : place.branch.children.get(name)
    const stays = node === undefined ? this.#mode !== 'include' : node.kind === 'listed' && this.#mode === 'include'
    if (stays) {
      if (!this.#extendRun(cursor)) return false
    } else if (node !== undefined) {
      if (!this.#node(name!, cursor.value, node)) return false
    }
    if (node === undefined) return true
    place.left--
    place.met?.add(name!)
    return true
  }

  #node(name: string, value: BsonValue, node: Node): boolean {
    if (node.kind === 'listed') return true
    if (!this.#copyRun()) return false
    if (node.kind === 'nested') {
      this.#nested(name, value, node)
      return true
    }
    if (node.kind === 'computed') {
      return this.#mode !== 'add' || this.#compute(name, () => node.expression(this.#scope))
    }
    return this.#compute(name, () => node.change(value.reference(), this.#scope.root))
  }

  /** It may be interrupted, so it is the only one of its step. */
  #compute(name: string, made: () => BsonValue): boolean {
    if (this.#hasComputed) return false
    this.#writer.value(name, made())
    this.#hasComputed = true
    return true
  }

  #nested(name: string, value: BsonValue, node: Branch): void {
    if (value.type === bsonType.object) {
      this.#writer.beginObject(name)
      this.#open(node, value)
    } else if (value.type === bsonType.array) {
      this.#writer.beginArray(name)
      this.#open(node, value)
    } else if (this.#mode === 'exclude') {
      this.#writer.value(name, value)
    } else if (node.computes) {
      this.#writer.beginObject(name)
      this.#open(node, undefined)
    }
  }

  #element(place: Place, { value }: FieldCursor, index: number): boolean {
    if (!isNestedType(value.type) && this.#mode === 'include') return true
    if (!this.#copyRun()) return false
    place.index = index + 1
    this.#nested(indexName(index), value, place.branch)
    return true
  }

  /** Computed fields that the document lacks; in a projection all of them, behind those that it keeps. */
  #advanceNew(place: Place): boolean {
    const { branch, met, index } = place
    if (!branch.computes || index !== undefined) return this.#close()
    place.fresh ??= branch.children.entries()
    place.next ??= place.fresh.next().value
    if (place.next === undefined) return this.#close()
    const [name, node] = place.next
    if (!this.#copyRun()) return false
    if (node.kind === 'computed') {
      const isThere = this.#mode === 'add' && met?.has(name) === true
      if (!isThere && !this.#compute(name, () => node.expression(this.#scope))) return false
    } else if (node.kind === 'nested' && node.computes && met?.has(name) !== true) {
      this.#writer.beginObject(name)
      this.#open(node, undefined)
    }
    place.next = undefined
    return true
  }

  #close(): boolean {
    if (!this.#copyRun()) return false
    this.#places.pop()
    if (this.#places.length > 0) this.#writer.end()
    return true
  }

  #extendRun({ elementStart, value }: FieldCursor): boolean {
    if (this.#runEnd !== elementStart || this.#runStart === this.#runEnd) {
      if (!this.#copyRun()) return false
      this.#run = value.bytes
      this.#runStart = elementStart
    }
    this.#runEnd = value.end
    return true
  }

  /** False: some of it is left. */
  #copyRun(): boolean {
    const to = Math.min(this.#runEnd, this.#runStart + copiedAtOnce)
    if (to > this.#runStart) {
      this.#writer.elements(this.#run, this.#runStart, to)
      charge(to - this.#runStart)
      this.#runStart = to
    }
    return to === this.#runEnd
  }
}
