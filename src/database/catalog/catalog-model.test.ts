/**
 * The catalog against a naive model of it: random creates, changes, comments, drops and cascades, each compared with what
 * plain maps and a walk over everything say, and with what a start would load from the keys.
 */
import { given } from '../access/access-list.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyspaceRange } from '../../base/tuple.ts'
import { catalogKeyspace, collectionKey, encodeCollection } from './catalog-entries.ts'
import { CatalogLoader, type CatalogState } from './catalog-state.ts'
import type { Collection, JsonObject, Namespace } from './catalog.ts'
import type { Transaction } from '../contract.ts'
import type { Database } from '../database.ts'
import { dropObjects, planDrop } from './dependents.ts'
import {
  addressText,
  dependenciesOf,
  type Dependency,
  type ObjectAddress,
  partsOf,
  registerKind,
  registerPartDrop,
  type ObjectKind,
} from './objects.ts'
import { openTestDatabase } from '../testing.ts'

interface Definition {
  /** Parts by name, each with the collections that it refers to. */
  readonly parts: Readonly<Record<string, readonly number[]>>
  /** The collection that this one goes with. */
  readonly owner?: number
}

function registerTestKind(name: string, space?: 'type'): ObjectKind<Definition> {
  const kind = registerKind<Definition>({
    name,
    model: 'model test',
    ...(space !== undefined && { space }),
    version: 1,
    decode: (definition) => definition as unknown as Definition,
    parts: ({ parts }) =>
      Object.keys(parts).map((part) => ({ kind: 'index', key: part, name: part, isRelation: space === undefined })),
    dependencies: ({ parts, owner }) => {
      const references = Object.entries(parts).flatMap(([part, ids]) =>
        ids.map((id): Dependency => ({ of: { kind: 'index', key: part }, on: { id }, kind: 'normal' })),
      )
      return owner === undefined ? references : [...references, { on: { id: owner }, kind: 'automatic' }]
    },
  })
  registerPartDrop(kind, function* (transaction, collection, { key }) {
    const { [key as string]: _, ...parts } = definitionIn(collection).parts
    transaction.alterCollection(collection, { definition: toJson({ ...definitionIn(collection), parts }) })
    yield undefined
  })
  return kind
}

const kind = registerTestKind('model test')
/** May be called as a relation is. */
const otherKind = registerTestKind('model type', 'type')

function definitionIn(collection: Collection): Definition {
  return collection.definition as unknown as Definition
}

function toJson(definition: Definition): JsonObject {
  return JSON.parse(JSON.stringify(definition)) as JsonObject
}

let database: Database
beforeAll(async () => {
  database = await openTestDatabase()
})
afterAll(() => database.close())

function run<T>(work: (tx: Transaction) => T | Generator<unknown, T>): T {
  const transaction = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
  transaction.beginStatement()
  try {
    const started = work(transaction)
    let result = started as T
    if (typeof started === 'object' && started !== null && 'next' in started) {
      let step = started.next()
      while (step.done !== true) step = started.next()
      result = step.value
    }
    void transaction.commit()
    return result
  } catch (error) {
    transaction.rollback()
    throw error
  }
}

function everything(): Collection[] {
  const { catalog } = database
  const all = [...catalog.namespaces.keys()].flatMap((name) => catalog.collectionsOf(name))
  return all.sort((a, b) => a.id - b.id)
}

/** Everything that can be asked, as text, computed by walking over all collections. */
function describeNaively(collections: readonly Collection[]): string {
  const lines = collections.map((collection) => {
    const referrers = collections.filter((one) => one !== collection && refersTo(one, collection.id))
    const owners = partsOf(collection).flatMap(({ name, isRelation }) => (isRelation ? `${name}@${collection.id}` : []))
    return `${describeOwners(collection, database.catalog.namespaceById(collection.namespace.id)!)} ${collection.namespace.name}.${collection.name} by ${referrers.map(({ id }) => id).join()} ${owners.join()}`
  })
  return lines.join('\n')
}

function describeByCatalog(catalog: CatalogState, collections: readonly Collection[]): string {
  const lines = collections.map(({ id, namespace, name, space }) => {
    const collection = catalog.findCollection(namespace.name, name, space)!
    expect(catalog.collectionById(id)).toBe(collection)
    expect(catalog.relationsOf(namespace.name).includes(collection)).toBe(space === undefined)
    expect(catalog.othersOf(namespace.name).get(`type ${name}`) === collection).toBe(space === 'type')
    const owners = partsOf(collection).flatMap(({ name: part, isRelation }) =>
      isRelation ? `${part}@${catalog.findOwnerOfPart(namespace.name, part)?.id}` : [],
    )
    const referrers = catalog.referrersOf(id).map((one) => one.id)
    return `${describeOwners(collection, collection.namespace)} ${namespace.name}.${name} by ${referrers.join()} ${owners.join()}`
  })
  return lines.join('\n')
}

function describeOwners({ id, ownerId }: Collection, { owner, ownerId: namespaceOwner }: Namespace): string {
  return `${id} of ${ownerId} in ${owner} ${namespaceOwner}`
}

function refersTo(collection: Collection, id: number): boolean {
  return dependenciesOf(collection).some(({ on }) => on.id === id)
}

function loaded(): CatalogState {
  const loader = new CatalogLoader()
  const cursor = database.newest.scan(keyspaceRange(catalogKeyspace))
  while (cursor.next()) loader.take(cursor.key, cursor.value)
  return loader.finish()
}

/** What must go with the target, by walking until nothing more is found. */
function closureOf(target: number): Set<string> {
  const gone = new Set([String(target)])
  for (let size = 0; size !== gone.size;) {
    size = gone.size
    for (const collection of everything()) {
      for (const { of, on } of dependenciesOf(collection)) {
        if (gone.has(String(on.id)))
          gone.add(addressText(of === undefined ? { id: collection.id } : { id: collection.id, part: of }))
      }
    }
  }
  return new Set([...gone].filter((address) => !address.includes(' ') || !gone.has(address.split(' ')[0]!)))
}

type Random = (below: number) => number

function step(random: Random, serial: number): void {
  const { catalog } = database
  const namespaces = [...catalog.namespaces.values()]
  const collections = everything()
  const some = collections[random(collections.length || 1)]
  const others = (): number[] => collections.filter(() => random(4) === 0).map(({ id }) => id)
  const dice = random(16)
  if (namespaces.length < 2) run((tx) => tx.createNamespace(`n${serial}`))
  else if (collections.length < 4 || dice < 3) {
    const owner = random(3) === 0 ? some?.id : undefined
    const definition = toJson({
      parts: { [`p${serial}`]: others().slice(0, 3) },
      ...(owner !== undefined && { owner }),
    })
    create(namespaces[random(namespaces.length)]!, random, serial, definition)
  } else if (dice === 3) run((tx) => tx.alterCollection(some!, { name: `r${serial}` }))
  else if (dice === 4) run((tx) => tx.alterCollection(some!, { namespace: namespaces[random(namespaces.length)]! }))
  else if (dice === 5) {
    const parts = { ...definitionIn(some!).parts, [`p${serial}`]: others().filter((id) => id !== some!.id) }
    run((tx) => tx.alterCollection(some!, { definition: toJson({ ...definitionIn(some!), parts }) }))
  } else if (dice === 6) {
    const [part] = partsOf(some!)
    const address: ObjectAddress = part === undefined || random(2) === 0 ? { id: some!.id } : { id: some!.id, part }
    run((tx) => tx.setComment(address, random(4) === 0 ? undefined : `comment ${serial}`))
  } else if (dice === 13) {
    const item = { to: random(3), by: -1, privileges: 1 + random(7), option: random(2) === 0 }
    run((tx) => tx.access.change(some!.id, random(2) === 0 ? '' : 'column 1', (list) => given(list ?? [], item)))
  } else if (dice === 14) {
    const ownerId = random(2) === 0 ? undefined : 20 + random(3)
    run((tx) => tx.access.giveNamespace(some!.namespace, `o${serial}`, ownerId))
  } else if (dice === 15) run((tx) => tx.alterCollection(some!, { owner: `o${serial}`, ownerId: 20 + random(3) }))
  else if (dice === 7) run((tx) => tx.widenCollection(some!, `f${random(4)}`, 'string'))
  else if (dice > 9) stepGlobal(random, serial)
  else dropOne(some!, dice === 8)
}

/** Also by a name that another one has: refused where that is in the same space. */
function create(namespace: Namespace, random: Random, serial: number, definition: JsonObject): void {
  const { name: kindName, space } = random(3) === 0 ? otherKind : kind
  const inIt = database.catalog.collectionsOf(namespace.name)
  const taken = random(3) === 0 ? inIt[random(inIt.length || 1)]?.name : undefined
  const name = taken ?? `c${serial}`
  const made = (): Collection => run((tx) => tx.createCollection(namespace, name, kindName, definition))
  if (inIt.some((one) => one.name === name && one.space === space)) expect(made).toThrow('already exists')
  else made()
}

/** What lies in no namespace, by kind and name. */
const globals = new Map<string, string>()

function stepGlobal(random: Random, serial: number): void {
  const kindOf = ['role', 'other'][random(2)]!
  const all = database.catalog.globalsOf(kindOf)
  const some = all[random(all.length || 1)]
  const dice = random(4)
  if (some === undefined || dice === 0) {
    const name = random(3) === 0 && some !== undefined ? some.name : `g${serial}`
    const create = (): unknown => run((tx) => tx.globals.create(kindOf, name, { serial }))
    if (name === some?.name) expect(create).toThrow('already exists')
    else create()
    if (name !== some?.name) globals.set(`${kindOf} ${name}`, `${serial}`)
  } else if (dice === 1) {
    run((tx) => tx.globals.alter(some, { name: `h${serial}` }))
    globals.set(`${kindOf} h${serial}`, globals.get(`${kindOf} ${some.name}`)!)
    globals.delete(`${kindOf} ${some.name}`)
  } else if (dice === 2) {
    run((tx) => tx.globals.alter(some, { definition: { serial } }))
    globals.set(`${kindOf} ${some.name}`, `${serial}`)
  } else {
    run((tx) => tx.globals.drop(some))
    globals.delete(`${kindOf} ${some.name}`)
  }
}

function globalsIn(catalog: CatalogState): Record<string, string> {
  const found: Record<string, string> = {}
  for (const one of catalog.globals()) {
    expect(catalog.findGlobal(one.kind, one.name)).toBe(one)
    expect(catalog.globalById(one.id)).toBe(one)
    expect(catalog.globalsOf(one.kind)).toContain(one)
    found[`${one.kind} ${one.name}`] = String(one.definition['serial'])
  }
  return found
}

function dropOne(target: Collection, isCascade: boolean): void {
  const before = everything()
  const plan = planDrop(database.catalog, [{ id: target.id }])
  const expected = closureOf(target.id)
  expect(new Set(plan.dropped.map(addressText))).toEqual(expected)
  const referrers = before.filter((one) => one.id !== target.id && refersTo(one, target.id))
  if (!isCascade) {
    const drop = (): void => run((tx) => tx.dropCollection(target))
    if (referrers.length > 0) expect(drop).toThrow('depends on it')
    else drop()
    return
  }
  run((tx) => dropObjects(tx, plan))
  const left = everything()
  expect(left.map(({ id }) => id)).toEqual(before.map(({ id }) => id).filter((id) => !expected.has(String(id))))
  for (const collection of left) {
    for (const { on } of dependenciesOf(collection)) expect(left.some(({ id }) => id === on.id)).toBe(true)
  }
}

describe('the catalog', () => {
  test('is what a naive model says, after any changes, and what a start would load', () => {
    let serial = 0
    const property = fc.property(fc.array(fc.nat(1_000_000), { minLength: 20, maxLength: 60 }), (numbers) => {
      for (const number of numbers) {
        let state = number
        const random: Random = (below) => {
          state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
          return Math.floor((state / 2_147_483_648) * below)
        }
        step(random, ++serial)
      }
      const collections = everything()
      const naive = describeNaively(collections)
      expect(describeByCatalog(database.catalog, collections)).toBe(naive)
      const fresh = loaded()
      expect(describeByCatalog(fresh, collections)).toBe(naive)
      for (const catalog of [database.catalog, fresh]) expect(globalsIn(catalog)).toEqual(Object.fromEntries(globals))
      for (const { id, fields } of collections) {
        expect([...fresh.collectionById(id)!.fields]).toEqual([...fields])
        expect([...fresh.commentsOn(id)]).toEqual([...database.catalog.commentsOn(id)])
        expect([...(fresh.access.get(id) ?? [])]).toEqual([...(database.catalog.access.get(id) ?? [])])
        const parts = new Set(['', ...partsOf(fresh.collectionById(id)!).map(({ key }) => `index ${key}`)])
        for (const part of fresh.commentsOn(id).keys()) expect(parts).toContain(part)
      }
    })
    fc.assert(property, { numRuns: 25 })
  })

  test('shares nearly everything with the one before a change, however large it is', () => {
    const namespace = { id: 16, name: 'n', owner: 'o' }
    const collectionAt = (i: number): Collection => ({
      id: 17 + i,
      namespace,
      name: `c${(i * 7919) % 10_007}`,
      kind: kind.name,
      model: kind.model,
      version: i,
      owner: 'o',
      engine: 'memory',
      definition: toJson({ parts: { [`p${i}`]: i === 0 ? [] : [17 + ((i * 31) % i)] } }),
      definitionVersion: 1,
      indexes: [],
      fields: new Map(),
    })
    const grow = (from: CatalogState, count: number): CatalogState => {
      let catalog = from
      for (let i = 0; i < count; i++) {
        catalog = catalog.applied(collectionKey(17 + i), encodeCollection(collectionAt(i)))
      }
      return catalog
    }
    const made = (size: number): number => {
      const base = run((tx) => tx.catalog as CatalogState)
      const [first] = base.namespaces.values()
      namespace.id = first!.id
      namespace.name = first!.name
      const catalog = grow(base, size)
      const before = catalog.nodes()
      const changed = catalog.applied(collectionKey(17 + size), encodeCollection(collectionAt(size)))
      return [...changed.nodes()].filter((node) => !before.has(node)).length
    }
    const [small, large] = [made(30), made(3_000)]
    // One more level of each of the maps, where the catalog is a hundred times as large.
    expect(large).toBeLessThanOrEqual(small + 16)
  })
})
