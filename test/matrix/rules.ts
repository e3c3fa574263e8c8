/**
 * Who may do what, said once more: from what somebody has been given to what is allowed. It is what the walk expects, so it
 * is made of the rules that `docs/security.md` states, and knows nothing of the code that it judges.
 *
 *  1. A superuser may do everything.
 *  2. What is given on the database counts in all its namespaces, what is given on a namespace for all that is in it.
 *  3. What is given on one collection, or on columns of it, or comes of owning it, counts where its namespace may be used.
 *  4. A namespace may be used by its owner, by whom that was given, and by who may do something to all that is in it.
 *  5. Something may be made in a namespace by its owner, by whom that was given, and by who may change the definitions of all
 *     that is in it. New namespaces need the same of the database.
 *  6. An owner may do everything with what it owns. Who owns a namespace may drop what is in it, no more.
 *  7. Who may write everything in a namespace, in any way, draws from its sequences and makes things of its types. Those of pg_read_all_data and
 *     pg_write_all_data have what their names say, on everything.
 *     Those of REPLICATION have the feed of everything, and may use no namespace for it.
 *  8. A pattern of keys counts at Redis's door. For each key one pattern, with what is given for all keys, has to allow all
 *     that is done with it.
 *  9. Everybody may call a function and use a type, where its namespace may be used, unless that was taken away (`closed`).
 * 10. Through a view its owner is asked for what is below it.
 * 11. Rules about commands narrow what is sent at Redis's door.
 */
export type Privilege =
  | 'read'
  | 'insert'
  | 'update'
  | 'delete'
  | 'truncate'
  | 'references'
  | 'trigger'
  | 'usage'
  | 'create'
  | 'connect'
  | 'temporary'
  | 'schema'
  | 'feed'
  | 'history'
  | 'fork'
  | 'administer'
  | 'execute'

/**
 * What somebody has, by place: `database`, a namespace (`shop`), a collection (`shop.items`), a column (`shop.items(id)`), a
 * pattern of keys (`redis a:*`), a function (`shop.total()`).
 */
export interface Holdings {
  readonly on?: Readonly<Record<string, readonly Privilege[]>>
  /** What may be given on to others. */
  readonly mayGive?: Readonly<Record<string, readonly Privilege[]>>
  /** Collections and namespaces. */
  readonly owns?: readonly string[]
  readonly is?: readonly Standing[]
  /** At Redis's door; left out: all. */
  readonly commands?: (command: string) => boolean
}

export type Standing =
  | 'superuser'
  | 'createrole'
  | 'createdb'
  | 'reads all'
  | 'writes all'
  | 'monitor'
  | 'signal'
  | 'replication'
  | 'checkpoint'

/** Of one collection, all of which spread from its namespace and the database. */
const ofCollections: readonly Privilege[] = [
  'read',
  'insert',
  'update',
  'delete',
  'truncate',
  'references',
  'trigger',
  'schema',
  'feed',
  'history',
]
const changing: readonly Privilege[] = ['insert', 'update', 'delete']

const is = (held: Holdings, standing: Standing): boolean => held.is?.includes(standing) === true
const owns = (held: Holdings, place: string): boolean => held.owns?.includes(place) === true
const given = (held: Holdings, place: string, privilege: Privilege): boolean =>
  held.on?.[place]?.includes(privilege) === true
const namespaceOf = (collection: string): string => collection.split('.')[0]!

/** Rules 2 and 7: on all that is in the namespace. */
function onAllOf(held: Holdings, namespace: string, privilege: Privilege): boolean {
  if (is(held, 'superuser')) return true
  if (is(held, 'reads all') && privilege === 'read') return true
  if (is(held, 'writes all') && changing.includes(privilege)) return true
  if (is(held, 'replication') && privilege === 'feed') return true
  return givenOnAllOf(held, namespace, privilege)
}

function givenOnAllOf(held: Holdings, namespace: string, privilege: Privilege): boolean {
  return given(held, 'database', privilege) || given(held, namespace, privilege)
}

/** Rule 4. */
function mayUse(held: Holdings, namespace: string): boolean {
  const isEverybodys = namespace === 'public'
  if (isEverybodys || owns(held, namespace) || onAllOf(held, namespace, 'usage')) return true
  if (is(held, 'superuser') || is(held, 'reads all') || is(held, 'writes all')) return true
  return ofCollections.some((privilege) => givenOnAllOf(held, namespace, privilege))
}

/** Rule 5. */
function mayMakeIn(held: Holdings, namespace: string): boolean {
  if (is(held, 'superuser') || owns(held, namespace) || given(held, namespace, 'create')) return true
  return onAllOf(held, namespace, 'schema')
}

/** Rules 2, 3, 6 and 7. */
function onCollection(held: Holdings, collection: string, privilege: Privilege): boolean {
  const namespace = namespaceOf(collection)
  if (ofCollections.includes(privilege) && onAllOf(held, namespace, privilege)) return true
  if (!mayUse(held, namespace)) return false
  if (owns(held, collection) || given(held, collection, privilege)) return true
  return privilege === 'usage' && changing.some((one) => onAllOf(held, namespace, one))
}

function onColumn(held: Holdings, collection: string, column: string, privilege: Privilege): boolean {
  if (onCollection(held, collection, privilege)) return true
  return mayUse(held, namespaceOf(collection)) && given(held, `${collection}(${column})`, privilege)
}

const columnsOf = (held: Holdings, collection: string): readonly string[] =>
  Object.keys(held.on ?? {}).filter((place) => place.startsWith(`${collection}(`))

function onAnyColumn(held: Holdings, collection: string, privilege: Privilege): boolean {
  const columns = columnsOf(held, collection).map((place) => place.slice(collection.length + 1, -1))
  return onCollection(held, collection, privilege) || columns.some((one) => onColumn(held, collection, one, privilege))
}

/** What not everybody has. */
const closed: ReadonlySet<string> = new Set(['shop.closed()', 'shop.sealed_note()', 'shop.mood'])

/** Rule 10. */
const viewsAbove: Readonly<Record<string, string>> = { 'shop.goods': 'shop.cheap', 'bank.vault': 'shop.kept' }

/** Rule 9. */
function onFunctionOrType(held: Holdings, place: string, privilege: Privilege): boolean {
  return mayUse(held, namespaceOf(place)) && (!closed.has(place) || owns(held, place) || given(held, place, privilege))
}

/** To be told that it is there: whoever has anything of it, of a part of it, or owns it. */
function hasSomethingOf(held: Holdings, collection: string): boolean {
  const namespace = namespaceOf(collection)
  if (owns(held, collection) || ofCollections.some((one) => onAllOf(held, namespace, one))) return true
  const places = [collection, ...columnsOf(held, collection), ...(namespace === 'redis' ? patternsOf(held) : [])]
  return places.some((place) => (held.on?.[place] ?? []).length > 0)
}

// ---- keys

const allKeys = 'redis.db0'
const patternsOf = (held: Holdings): readonly string[] =>
  Object.keys(held.on ?? {}).filter((place) => place.startsWith('redis ') && place.includes(':'))

/** Rule 8. */
function onKey(held: Holdings, key: string, wanted: readonly Privilege[]): boolean {
  const missing = wanted.filter((privilege) => !onCollection(held, allKeys, privilege))
  if (missing.length === 0) return true
  return patternsOf(held).some((place) => {
    const prefix = place.slice('redis '.length, -1)
    return key.startsWith(prefix) && missing.every((privilege) => given(held, place, privilege))
  })
}

const ofKeys: readonly Privilege[] = ['read', ...changing]

export function mayReadKey(held: Holdings, key: string): boolean {
  return onKey(held, key, ['read'])
}

// ---- what an operation asks

/**
 * `read + update(price) or owner`: alternatives, of which each asks for one or several things. `of PLACE` says of what, where it
 * is not of what the operation is about: a collection, a namespace, a key (`a:s`). `granted`: not by owning it. `all`: on all that
 * is in a namespace. `give`: to give it to others. `below`: of the owner of the view above.
 */
export function isAllowed(held: Holdings, needs: string, thing: string): boolean {
  if (is(held, 'superuser')) return needs !== 'nobody'
  return needs.split(' or ').some((alternative) => hasAll(held, alternative.split(' + '), thing))
}

function hasAll(held: Holdings, asked: readonly string[], thing: string): boolean {
  const ofEachKey = new Map<string, Privilege[]>()
  for (const one of asked) {
    const [, word = '', columns, place = thing] = /^([a-z ]+?)(?:\((.*)\))?(?: of (\S+))?$/.exec(one) ?? []
    if (place.includes(':') && ofKeys.includes(word as Privilege)) {
      ofEachKey.set(place, [...(ofEachKey.get(place) ?? []), word as Privilege])
    } else if (!has(held, word, columns, place)) return false
  }
  return [...ofEachKey].every(([key, wanted]) => onKey(held, key, wanted))
}

const standings: ReadonlySet<string> = new Set([
  'superuser',
  'createrole',
  'createdb',
  'monitor',
  'signal',
  'replication',
  'checkpoint',
])

function has(held: Holdings, word: string, columns: string | undefined, place: string): boolean {
  if (word === 'anybody') return true
  if (word === 'nobody') return false
  if (standings.has(word)) return is(held, word as Standing)
  if (word === 'administer' || word === 'temporary') return given(held, 'database', word)
  if (word === 'owner') return owns(held, place)
  if (word === 'owner in use') return owns(held, place) && mayUse(held, namespaceOf(place))
  if (word === 'something') return hasSomethingOf(held, place)
  if (word === 'execute') return onFunctionOrType(held, place, 'execute')
  if (word === 'type') return onFunctionOrType(held, place, 'usage') || onCollection(held, place, 'usage')
  if (word === 'use') return mayUse(held, place)
  if (word === 'any') return ofKeys.some((one) => onKey(held, place, [one]))
  if (word === 'create' && place === 'database') return given(held, place, 'create') || given(held, place, 'schema')
  if (word === 'create') return mayMakeIn(held, place)
  if (word.startsWith('below ')) {
    const isOwn = owns(held, viewsAbove[place] ?? '')
    return !isOwn || has(held, word.slice('below '.length), columns, place)
  }
  if (word.startsWith('granted ')) return has({ ...held, owns: [] }, word.slice('granted '.length), columns, place)
  if (word.startsWith('all ')) return onAllOf(held, place, word.slice('all '.length) as Privilege)
  if (word.startsWith('give ')) return mayGive(held, place, word.slice('give '.length) as Privilege)
  const privilege = word as Privilege
  if (columns === undefined) return onCollection(held, place, privilege)
  if (columns === '*') return onAnyColumn(held, place, privilege)
  return columns.split(',').every((column) => onColumn(held, place, column, privilege))
}

/** It owns it, or has it with the right to give it on, which spreads as what is given does. Who owns a namespace does not own what others make in it. */
function mayGive(held: Holdings, place: string, privilege: Privilege): boolean {
  const isOwners = place.includes('.') || privilege === 'usage' || privilege === 'create'
  if (isOwners && owns(held, place)) return true
  const spreads = ofCollections.includes(privilege) || (privilege === 'usage' && !place.includes('.'))
  const around = spreads && place !== 'database' ? [namespaceOf(place), 'database'] : []
  return [place, ...around].some((one) => held.mayGive?.[one]?.includes(privilege) === true)
}
