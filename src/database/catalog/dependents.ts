/**
 * What a drop takes along, and what stands in its way.
 *
 * From each target the search goes to everything that depends on it, and on from there. Whatever it meets goes too; what it
 * meets by a normal dependency is what RESTRICT refuses for and CASCADE tells about, with what it depends on. A dependent
 * that is internal to something that stays takes that along: whoever drops what an identity column's sequence needs drops
 * the column.
 *
 * The newest of several dependents comes first, as in PostgreSQL, and everything comes before what it depends on. Parts
 * are taken out of definitions first, in that order, then all collections go at once, because two may refer to each other,
 * then namespaces.
 */
import type { Catalog, Collection } from './catalog.ts'
import type { StatementSteps, Transaction } from '../contract.ts'
import {
  addressText,
  dependenciesOf,
  type DependencyKind,
  dropPart,
  isSamePart,
  type ObjectAddress,
  type PartAddress,
} from './objects.ts'

/** Something that goes because of something else. */
export interface Cascaded {
  readonly dependent: ObjectAddress
  readonly on: ObjectAddress
}

export interface DropPlan {
  /** Everything, dependents first. */
  readonly dropped: readonly ObjectAddress[]
  /** Met by normal dependencies; those nearest to the targets first. */
  readonly cascaded: readonly Cascaded[]
}

interface Dependent {
  readonly address: ObjectAddress
  readonly kind: DependencyKind
}

export function planDrop(catalog: Catalog, targets: readonly ObjectAddress[]): DropPlan {
  const search = new Search(catalog, targets)
  for (const target of targets) search.visit(target, undefined)
  return search.finish()
}

/** What the address cannot be dropped without; undefined where it stands for itself. */
export function requiredBy(catalog: Catalog, { id, part }: ObjectAddress): ObjectAddress | undefined {
  const collection = catalog.collectionById(id)
  if (collection === undefined) return undefined
  return dependenciesOf(collection).find(({ of, kind }) => kind === 'internal' && isSamePart(of, part))?.on
}

class Search {
  readonly #catalog: Catalog
  readonly #visited = new Map<string, ObjectAddress>()
  /** That go as a whole: their parts need no mention. */
  readonly #whole = new Set<number>()
  readonly #order: ObjectAddress[] = []
  readonly #cascaded = new Map<string, Cascaded>()
  /** That go without a word, by whichever other way they were met. */
  readonly #silent = new Set<string>()

  constructor(catalog: Catalog, targets: readonly ObjectAddress[]) {
    this.#catalog = catalog
    for (const { id, part } of targets) if (part === undefined) this.#whole.add(id)
  }

  /** `on`: what it depends on, where it would stand in the way. */
  visit(address: ObjectAddress, on: ObjectAddress | undefined): void {
    const name = addressText(address)
    if (this.#visited.has(name)) return
    if (address.part !== undefined && this.#whole.has(address.id)) return
    this.#visited.set(name, address)
    if (address.part === undefined) this.#whole.add(address.id)
    for (const { address: dependent, kind } of dependentsOf(this.#catalog, address)) {
      this.#meet(dependent, kind, address)
    }
    this.#order.push(address)
    if (on !== undefined) this.#cascaded.set(name, { dependent: address, on })
  }

  #meet(dependent: ObjectAddress, kind: DependencyKind, on: ObjectAddress): void {
    const isNormal = kind === 'normal'
    const needed = isNormal ? requiredBy(this.#catalog, dependent) : undefined
    if (needed !== undefined) this.visit(needed, on)
    if (!isNormal) this.#silent.add(addressText(dependent))
    this.visit(dependent, isNormal && needed === undefined ? on : undefined)
  }

  finish(): DropPlan {
    const isLeft = ({ id, part }: ObjectAddress): boolean => part === undefined || !this.#whole.has(id)
    const dropped = this.#order.filter(isLeft)
    const told = dropped.map(addressText).filter((name) => !this.#silent.has(name))
    const cascaded = told.flatMap((name) => this.#cascaded.get(name) ?? [])
    return { dropped, cascaded: cascaded.reverse() }
  }
}

/** Newest first. */
function dependentsOf(catalog: Catalog, on: ObjectAddress): Dependent[] {
  const namespace = catalog.namespaceById(on.id)
  if (namespace !== undefined) {
    const contents = [...catalog.collectionsOf(namespace.name)].reverse()
    return contents.map(({ id }) => ({ address: { id }, kind: 'normal' }))
  }
  const own = catalog.collectionById(on.id)
  const others = [...catalog.referrersOf(on.id)].reverse()
  return [...others, ...(own === undefined || on.part === undefined ? [] : [own])].flatMap((one) => within(one, on))
}

/** What of the collection depends on it. */
function within(collection: Collection, on: ObjectAddress): Dependent[] {
  const { id } = collection
  return [...dependenciesOf(collection)].reverse().flatMap((dependency): Dependent[] => {
    const { of, kind } = dependency
    if (dependency.on.id !== on.id || !covers(on.part, dependency.on.part)) return []
    return [{ address: of === undefined ? { id } : { id, part: of }, kind }]
  })
}

/** Dropping the whole drops each part; dropping a part leaves the whole. */
function covers(dropped: PartAddress | undefined, needed: PartAddress | undefined): boolean {
  return dropped === undefined || isSamePart(dropped, needed)
}

/** Does what `planDrop` has found. */
export function* dropObjects(transaction: Transaction, { dropped }: DropPlan): StatementSteps<void> {
  for (const address of dropped) {
    const collection = transaction.catalog.collectionById(address.id)
    if (address.part !== undefined && collection !== undefined) yield* dropPart(transaction, collection, address.part)
  }
  const wholes = dropped.filter(({ part }) => part === undefined).map(({ id }) => id)
  const collections = wholes.flatMap((id) => transaction.catalog.collectionById(id) ?? [])
  const [first, ...others] = collections
  if (first !== undefined) transaction.dropCollection(first, others)
  for (const id of wholes) {
    const namespace = transaction.catalog.namespaceById(id)
    if (namespace !== undefined) transaction.dropNamespace(namespace)
  }
}
