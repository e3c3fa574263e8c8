/**
 * An ordered map that never changes: `with` and `without` answer another map, which shares all but a few nodes with this
 * one. So whoever holds a map has a snapshot for nothing, and a change costs the logarithm of the size.
 *
 * It is a B-tree of which a change copies the path from the root to one leaf. Leaves hold keys and values side by side,
 * inner nodes the first key of each child below. All leaves are equally deep.
 *
 * Keys are strings, ordered by code units, or numbers: `<` decides. One map has keys of one type.
 *
 * Invariants: a node has 1 to 32 entries, and is not changed once it is made; keys ascend; two neighbours together have
 * more than 16 entries, so that what shrinks loses its depth too.
 */
export class PersistentMap<K extends string | number, V> implements ReadonlyMap<K, V> {
  readonly #root: Node<K, V> | undefined
  readonly size: number

  private constructor(root: Node<K, V> | undefined, size: number) {
    this.#root = root
    this.size = size
  }

  static empty<K extends string | number, V>(): PersistentMap<K, V> {
    return new PersistentMap<K, V>(undefined, 0)
  }

  /** In linear time where the entries come in the order of their keys, else they are sorted first. Of equal keys the last wins. */
  static from<K extends string | number, V>(entries: Iterable<readonly [K, V]>): PersistentMap<K, V> {
    const sorted = [...entries]
    if (isAscending(sorted)) return new PersistentMap(build(sorted), sorted.length)
    sorted.sort(([a], [b]) => compare(a, b))
    const last = sorted.filter(([key], i) => i + 1 === sorted.length || key !== sorted[i + 1]![0])
    return new PersistentMap(build(last), last.length)
  }

  get(key: K): V | undefined {
    let node = this.#root
    while (node !== undefined && node.children !== undefined) node = node.children[childOf(node, key)]
    if (node === undefined) return undefined
    const at = lowerBound(node.keys, key)
    return node.keys[at] === key ? node.values![at] : undefined
  }

  has(key: K): boolean {
    let node = this.#root
    while (node !== undefined && node.children !== undefined) node = node.children[childOf(node, key)]
    return node !== undefined && node.keys[lowerBound(node.keys, key)] === key
  }

  /** The entry with the greatest key that is not above `key`. */
  atOrBefore(key: K): readonly [K, V] | undefined {
    let node = this.#root
    while (node !== undefined && node.children !== undefined) node = node.children[childOf(node, key)]
    if (node === undefined) return undefined
    const found = lowerBound(node.keys, key)
    const at = node.keys[found] === key ? found : found - 1
    return at < 0 ? undefined : [node.keys[at]!, node.values![at]!]
  }

  /** The entry with the least key above `key`. */
  after(key: K): readonly [K, V] | undefined {
    return this.#root && firstAfter(this.#root, key)
  }

  /** This map where the value is there already. */
  with(key: K, value: V): PersistentMap<K, V> {
    const root = this.#root
    if (root === undefined) return new PersistentMap(leaf([key], [value]), 1)
    const put = withEntry(root, key, value)
    if (put === root) return this
    const size = this.size + (this.has(key) ? 0 : 1)
    return new PersistentMap(isSplit(put) ? parent(put) : put, size)
  }

  /** This map where the key is not there. */
  without(key: K): PersistentMap<K, V> {
    if (!this.has(key)) return this
    let root = withoutEntry(this.#root!, key)
    while (root?.children?.length === 1) root = root.children[0]
    return new PersistentMap(root, this.size - 1)
  }

  *entries(): Generator<[K, V], undefined> {
    for (const { keys, values } of leaves(this.#root)) {
      for (let i = 0; i < keys.length; i++) yield [keys[i]!, values![i]!]
    }
  }

  *keys(): Generator<K, undefined> {
    for (const { keys } of leaves(this.#root)) yield* keys
  }

  *values(): Generator<V, undefined> {
    for (const { values } of leaves(this.#root)) yield* values!
  }

  [Symbol.iterator](): Generator<[K, V], undefined> {
    return this.entries()
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this)
  }

  /** Of the tree, for those who count what two maps share. */
  nodes(): Set<object> {
    const found = new Set<object>()
    const visit = (node: Node<K, V> | undefined): void => {
      if (node === undefined) return
      found.add(node)
      for (const child of node.children ?? []) visit(child)
    }
    visit(this.#root)
    return found
  }
}

/** A leaf has values, an inner node children. */
interface Node<K, V> {
  readonly keys: readonly K[]
  readonly values: readonly V[] | undefined
  readonly children: readonly Node<K, V>[] | undefined
}

const maxEntries = 32
/** Neighbours that have no more than this between them become one. */
const joinedEntries = maxEntries / 2

function leaf<K, V>(keys: readonly K[], values: readonly V[]): Node<K, V> {
  return { keys, values, children: undefined }
}

function parent<K, V>(children: readonly Node<K, V>[]): Node<K, V> {
  return { keys: children.map(({ keys }) => keys[0]!), values: undefined, children }
}

function isAscending(entries: readonly (readonly [string | number, unknown])[]): boolean {
  for (let i = 1; i < entries.length; i++) if (!(entries[i - 1]![0] < entries[i]![0])) return false
  return true
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The first place whose key is not below `key`. */
function lowerBound<K extends string | number>(keys: readonly K[], key: K): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The child in which the key is, or would be. */
function childOf<K extends string | number>({ keys }: Node<K, unknown>, key: K): number {
  const at = lowerBound(keys, key)
  return keys[at] === key ? at : Math.max(0, at - 1)
}

/** Of the children one or two are looked at: nothing of the first one may be above the key. */
function firstAfter<K extends string | number, V>(node: Node<K, V>, key: K): readonly [K, V] | undefined {
  if (node.children === undefined) {
    const found = lowerBound(node.keys, key)
    const at = node.keys[found] === key ? found + 1 : found
    return at < node.keys.length ? [node.keys[at]!, node.values![at]!] : undefined
  }
  for (let at = childOf(node, key); at < node.children.length; at++) {
    const entry = firstAfter(node.children[at]!, key)
    if (entry !== undefined) return entry
  }
  return undefined
}

function build<K, V>(entries: readonly (readonly [K, V])[]): Node<K, V> | undefined {
  let level = slices(entries).map((slice) =>
    leaf(
      slice.map(([key]) => key),
      slice.map(([, value]) => value),
    ),
  )
  while (level.length > 1) level = slices(level).map(parent)
  return level[0]
}

/** Evenly: none is so small that it would have to be joined. */
function slices<T>(all: readonly T[]): T[][] {
  const count = Math.ceil(all.length / maxEntries)
  return Array.from({ length: count }, (_, i) =>
    all.slice(Math.floor((i * all.length) / count), Math.floor(((i + 1) * all.length) / count)),
  )
}

type Split<K, V> = readonly [Node<K, V>, Node<K, V>]

function isSplit<K, V>(put: Node<K, V> | Split<K, V>): put is Split<K, V> {
  return Array.isArray(put)
}

/** The node as it is with the entry; two where one would be too large; itself where the entry is there. */
function withEntry<K extends string | number, V>(node: Node<K, V>, key: K, value: V): Node<K, V> | Split<K, V> {
  if (node.children !== undefined) {
    const at = childOf(node, key)
    const child = node.children[at]!
    const put = withEntry(child, key, value)
    return put === child ? node : withChildren(node.children, at, isSplit(put) ? put : [put])
  }
  const at = lowerBound(node.keys, key)
  const isThere = node.keys[at] === key
  if (isThere && node.values![at] === value) return node
  const keys = isThere ? node.keys : node.keys.toSpliced(at, 0, key)
  const values = node.values!.toSpliced(at, isThere ? 1 : 0, value)
  if (keys.length <= maxEntries) return leaf(keys, values)
  const half = keys.length >> 1
  return [leaf(keys.slice(0, half), values.slice(0, half)), leaf(keys.slice(half), values.slice(half))]
}

function withChildren<K, V>(
  children: readonly Node<K, V>[],
  at: number,
  replaced: readonly Node<K, V>[],
): Node<K, V> | Split<K, V> {
  const all = children.toSpliced(at, 1, ...replaced)
  if (all.length <= maxEntries) return parent(all)
  const half = all.length >> 1
  return [parent(all.slice(0, half)), parent(all.slice(half))]
}

/** The key is there. Undefined where nothing is left. */
function withoutEntry<K extends string | number, V>(node: Node<K, V>, key: K): Node<K, V> | undefined {
  if (node.children !== undefined) {
    const at = childOf(node, key)
    const left = withoutEntry(node.children[at]!, key)
    const children = node.children.toSpliced(at, 1, ...(left === undefined ? [] : [left]))
    if (children.length === 0) return undefined
    joinAt(children, left === undefined ? at - 1 : at)
    joinAt(children, at - 1)
    return parent(children)
  }
  if (node.keys.length === 1) return undefined
  const at = lowerBound(node.keys, key)
  return leaf(node.keys.toSpliced(at, 1), node.values!.toSpliced(at, 1))
}

/** Makes one of the child at `at` and the next one, where they are small. */
function joinAt<K, V>(children: Node<K, V>[], at: number): void {
  const first = children[at]
  const second = children[at + 1]
  if (first === undefined || second === undefined || first.keys.length + second.keys.length > joinedEntries) return
  const joined =
    first.children === undefined
      ? leaf([...first.keys, ...second.keys], [...first.values!, ...second.values!])
      : parent([...first.children, ...second.children!])
  children.splice(at, 2, joined)
}

function* leaves<K, V>(node: Node<K, V> | undefined): Generator<Node<K, V>, undefined> {
  if (node === undefined) return
  if (node.children === undefined) yield node
  else for (const child of node.children) yield* leaves(child)
}
