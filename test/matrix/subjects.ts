/**
 * The rows of the matrix: what somebody has been given, by which door and in which words, and what that means.
 *
 * Everything is given to `ada`, who has been there all along, and taken away again; `crew` is a role that she may be a member of.
 */
import type { Command, Door } from './operation.ts'
import { inCategory } from './redis-categories.ts'
import type { Holdings, Privilege } from './rules.ts'

export interface Subject {
  readonly name: string
  /** The door by which it is given. */
  readonly by: Door
  /** What a superuser says there: may be said again where what it was given on has been made anew. */
  readonly give: readonly (string | Command)[]
  readonly holds: Holdings
}

type On = Readonly<Record<string, readonly Privilege[]>>

const collections = ['shop.items', 'shop.notes', 'redis.db0']
const namespaces = ['shop', 'redis']
const use = ['GRANT USAGE ON SCHEMA shop TO ada', 'GRANT USAGE ON SCHEMA redis TO ada']
const using: On = { shop: ['usage'], redis: ['usage'] }

/** PostgreSQL's words, and those beside them. */
const words: readonly (readonly [word: string, privilege: Privilege])[] = [
  ['SELECT', 'read'],
  ['INSERT', 'insert'],
  ['UPDATE', 'update'],
  ['DELETE', 'delete'],
  ['TRUNCATE', 'truncate'],
  ['REFERENCES', 'references'],
  ['TRIGGER', 'trigger'],
  ['SCHEMA', 'schema'],
  ['FEED', 'feed'],
  ['HISTORY', 'history'],
]

function on(places: readonly string[], ...privileges: readonly Privilege[]): On {
  return Object.fromEntries(places.map((place) => [place, privileges]))
}

const sql = (name: string, give: readonly string[], holds: Holdings): Subject => ({ name, by: 'sql', give, holds })

// ---- by SQL

const onCollections = words.map(([word, privilege]) =>
  sql(`\`${word}\` on each`, [...use, ...collections.map((one) => `GRANT ${word} ON ${one} TO ada`)], {
    on: { ...using, ...on(collections, privilege) },
  }),
)

const onNamespaces = [...words, ['USAGE', 'usage'] as const, ['CREATE', 'create'] as const].map(([word, privilege]) =>
  sql(
    `\`${word}\` on the schemas`,
    namespaces.map((one) => `GRANT ${word} ON SCHEMA ${one} TO ada`),
    { on: on(namespaces, privilege) },
  ),
)

const ofDatabases: readonly (readonly [string, Privilege])[] = [
  ...words,
  ['USAGE', 'usage'],
  ['CREATE', 'create'],
  ['FORK', 'fork'],
  ['ADMINISTER', 'administer'],
]
const onDatabase = ofDatabases.map(([word, privilege]) =>
  sql(`\`${word}\` on the database`, [`GRANT ${word} ON DATABASE polylog TO ada`], { on: { database: [privilege] } }),
)

const columns: readonly (readonly [string, Holdings['on']])[] = [
  ['SELECT (id)', { 'shop.items(id)': ['read'] }],
  ['SELECT (id, name, price)', on(['shop.items(id)', 'shop.items(name)', 'shop.items(price)'], 'read')],
  ['INSERT (id)', { 'shop.items(id)': ['insert'] }],
  ['UPDATE (price)', { 'shop.items(price)': ['update'] }],
  ['SELECT (id), UPDATE (price)', { 'shop.items(id)': ['read'], 'shop.items(price)': ['update'] }],
  ['REFERENCES (id)', { 'shop.items(id)': ['references'] }],
]
const onColumns = columns.map(([words_, held]) =>
  sql(`\`${words_}\``, ['GRANT USAGE ON SCHEMA shop TO ada', `GRANT ${words_} ON shop.items TO ada`], {
    on: { shop: ['usage'], ...held },
  }),
)

const sequences: readonly (readonly [string, Privilege])[] = [
  ['USAGE', 'usage'],
  ['SELECT', 'read'],
  ['UPDATE', 'update'],
]
const onSequences = sequences.map(([word, privilege]) =>
  sql(
    `\`${word}\` of a sequence`,
    ['GRANT USAGE ON SCHEMA shop TO ada', `GRANT ${word} ON SEQUENCE shop.numbers TO ada`],
    { on: { shop: ['usage'], 'shop.numbers': [privilege] } },
  ),
)

const readEach = collections.map((one) => `GRANT SELECT ON ${one} TO crew`)
const useOfCrew = use.map((text) => text.replace('ada', 'crew'))
const crewReads: On = { ...using, ...on(collections, 'read') }

const memberships: readonly Subject[] = [
  sql('a member of a role with `SELECT`', [...useOfCrew, ...readEach, 'GRANT crew TO ada'], { on: crewReads }),
  sql(
    'a member that does not inherit',
    [...useOfCrew, ...readEach, 'GRANT crew TO ada', 'ALTER ROLE ada NOINHERIT'],
    {},
  ),
  sql('a member of a member', [...useOfCrew, ...readEach, 'GRANT crew TO mate', 'GRANT mate TO ada'], {
    on: crewReads,
  }),
  sql('a member of the owner', ['ALTER TABLE shop.items OWNER TO crew', 'GRANT crew TO ada', use[0]!], {
    on: { shop: ['usage'] },
    owns: ['shop.items'],
  }),
]

const owners: readonly Subject[] = [
  sql('the owner of a table', [use[0]!, 'ALTER TABLE shop.items OWNER TO ada'], {
    on: { shop: ['usage'] },
    owns: ['shop.items'],
  }),
  sql('the owner of a table whose schema it may not use', ['ALTER TABLE shop.items OWNER TO ada'], {
    owns: ['shop.items'],
  }),
  sql('the owner of a schema', ['ALTER SCHEMA shop OWNER TO ada'], { owns: ['shop'] }),
]

const useOfShop = use[0]!
const ofObject = (name: string, give: string, held: On): Subject =>
  sql(name, [useOfShop, `GRANT ${give} TO ada`], { on: { shop: ['usage'], ...held } })
const all: readonly Privilege[] = ['read', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
const ownerOf = (kind: string, words_: string, place: string): Subject =>
  sql(`the owner of ${kind}`, [useOfShop, `ALTER ${words_} OWNER TO ada`], { on: { shop: ['usage'] }, owns: [place] })

const ofObjects: readonly Subject[] = [
  ofObject('`ALL` on a view', 'ALL ON shop.cheap', { 'shop.cheap': all }),
  ofObject('`SELECT (id)` on a view', 'SELECT (id) ON shop.cheap', { 'shop.cheap(id)': ['read'] }),
  ofObject('`ALL` on a view that asks for its reader', 'ALL ON shop.asking', { 'shop.asking': all }),
  ofObject(
    '`ALL` on such a view and what is below',
    'ALL ON shop.asking, shop.goods',
    on(['shop.asking', 'shop.goods'], ...all),
  ),
  ofObject('`SELECT` on a materialized view', 'SELECT ON shop.kept', { 'shop.kept': ['read'] }),
  ofObject('`ALL` on a partitioned table', 'ALL ON shop.parts', { 'shop.parts': all }),
  ofObject('`ALL` on a partition', 'ALL ON shop.parts_low', { 'shop.parts_low': all }),
  ofObject(
    '`ALL` on tables with triggers',
    'ALL ON shop.watched, shop.guarded, shop.goods',
    on(['shop.watched', 'shop.guarded', 'shop.goods'], ...all),
  ),
  ofObject(
    '`INSERT` on a table with a trigger, and where that writes',
    'INSERT ON shop.watched, shop.trail',
    on(['shop.watched', 'shop.trail'], 'insert'),
  ),
  ofObject(
    '`EXECUTE`',
    'EXECUTE ON FUNCTION shop.closed(), shop.sealed_note()',
    on(['shop.closed()', 'shop.sealed_note()'], 'execute'),
  ),
  sql('`EXECUTE` without the schema', ['GRANT EXECUTE ON FUNCTION shop.closed() TO ada'], {
    on: { 'shop.closed()': ['execute'] },
  }),
  ofObject('`USAGE` of a type', 'USAGE ON TYPE shop.mood', { 'shop.mood': ['usage'] }),
  sql(
    '`USAGE` of a type and `CREATE`',
    ['GRANT USAGE, CREATE ON SCHEMA shop TO ada', 'GRANT USAGE ON TYPE shop.mood TO ada'],
    {
      on: { shop: ['usage', 'create'], 'shop.mood': ['usage'] },
    },
  ),
  ownerOf('a view', 'VIEW shop.cheap', 'shop.cheap'),
  ownerOf('a materialized view', 'MATERIALIZED VIEW shop.kept', 'shop.kept'),
  ownerOf('a partitioned table', 'TABLE shop.parts', 'shop.parts'),
  ownerOf('a table with a trigger', 'TABLE shop.watched', 'shop.watched'),
  ownerOf('a function', 'FUNCTION shop.total()', 'shop.total()'),
  ownerOf('a closed function', 'FUNCTION shop.closed()', 'shop.closed()'),
  ownerOf('a type', 'TYPE shop.mood', 'shop.mood'),
]

const attributes: readonly Subject[] = [
  sql('`SUPERUSER`', ['ALTER ROLE ada SUPERUSER'], { is: ['superuser'] }),
  sql('`CREATEROLE`', ['ALTER ROLE ada CREATEROLE'], { is: ['createrole'] }),
  sql('`CREATEDB`', ['ALTER ROLE ada CREATEDB'], { is: ['createdb'] }),
  sql('`REPLICATION`', ['ALTER ROLE ada REPLICATION'], { is: ['replication'] }),
]

const predefined: readonly Subject[] = [
  sql('`pg_read_all_data`', ['GRANT pg_read_all_data TO ada'], { is: ['reads all'] }),
  sql('`pg_write_all_data`', ['GRANT pg_write_all_data TO ada'], { is: ['writes all'] }),
  sql('`pg_monitor`', ['GRANT pg_monitor TO ada'], { is: ['monitor'] }),
  sql('`pg_read_all_stats`', ['GRANT pg_read_all_stats TO ada'], { is: ['monitor'] }),
  sql('`pg_signal_backend`', ['GRANT pg_signal_backend TO ada'], { is: ['signal'] }),
  sql('`pg_checkpoint`', ['GRANT pg_checkpoint TO ada'], { is: ['checkpoint'] }),
]

const others: readonly Subject[] = [
  sql(
    '`SELECT` without `USAGE`',
    collections.map((one) => `GRANT SELECT ON ${one} TO ada`),
    { on: on(collections, 'read') },
  ),
  sql(
    '`SELECT` given to everybody',
    [
      ...use.map((text) => text.replace('ada', 'PUBLIC')),
      ...collections.map((one) => `GRANT SELECT ON ${one} TO PUBLIC`),
    ],
    { on: crewReads },
  ),
  sql(
    '`SELECT … WITH GRANT OPTION`',
    [...use, ...collections.map((one) => `GRANT SELECT ON ${one} TO ada WITH GRANT OPTION`)],
    { on: crewReads, mayGive: on(collections, 'read') },
  ),
  sql(
    '`ALL` on each, and taken away',
    [...use, ...collections.flatMap((one) => [`GRANT ALL ON ${one} TO ada`, `REVOKE ALL ON ${one} FROM ada`])],
    { on: using },
  ),
  sql(
    '`SELECT, INSERT, UPDATE, DELETE` on each',
    [...use, ...collections.map((one) => `GRANT SELECT, INSERT, UPDATE, DELETE ON ${one} TO ada`)],
    { on: { ...using, ...on(collections, 'read', 'insert', 'update', 'delete') } },
  ),
]

// ---- by MongoDB

const ofBoth = (role: string): Command => ({
  grantRolesToUser: 'ada',
  roles: namespaces.map((db) => ({ role, db })),
})
const ofAdmin = (role: string): Command => ({ grantRolesToUser: 'ada', roles: [{ role, db: 'admin' }], $db: 'admin' })
const mongodb = (name: string, give: readonly Command[], holds: Holdings): Subject => ({
  name,
  by: 'mongodb',
  give,
  holds,
})

/** By who may give anything on a namespace. */
const givenOn = [...words.map(([, privilege]) => privilege), 'usage', 'create'] as const
const readWrite: readonly Privilege[] = ['read', 'insert', 'update', 'delete', 'schema']

const builtIn: readonly Subject[] = [
  mongodb('`read` of both', [ofBoth('read')], { on: on(namespaces, 'read') }),
  mongodb('`readWrite` of both', [ofBoth('readWrite')], { on: on(namespaces, ...readWrite) }),
  mongodb('`dbAdmin` of both', [ofBoth('dbAdmin')], { on: on(namespaces, 'schema') }),
  mongodb('`userAdmin` of both', [ofBoth('userAdmin')], { mayGive: on(namespaces, ...givenOn) }),
  mongodb('`dbOwner` of both', [ofBoth('dbOwner')], {
    on: on(namespaces, ...readWrite),
    mayGive: on(namespaces, ...givenOn),
  }),
  mongodb('`readAnyDatabase`', [ofAdmin('readAnyDatabase')], { on: { database: ['read'] } }),
  mongodb('`readWriteAnyDatabase`', [ofAdmin('readWriteAnyDatabase')], { on: { database: [...readWrite, 'create'] } }),
  mongodb('`dbAdminAnyDatabase`', [ofAdmin('dbAdminAnyDatabase')], { on: { database: ['schema', 'create'] } }),
  mongodb('`userAdminAnyDatabase`', [ofAdmin('userAdminAnyDatabase')], {
    is: ['createrole'],
    mayGive: { database: givenOn },
  }),
  mongodb('`clusterAdmin`', [ofAdmin('clusterAdmin')], { on: { database: ['administer'] } }),
  mongodb('`clusterMonitor`', [ofAdmin('clusterMonitor')], { is: ['monitor'] }),
  mongodb('`backup`', [ofAdmin('backup')], { is: ['reads all'] }),
  mongodb('`root`', [ofAdmin('root')], { is: ['superuser'] }),
]

const actions: readonly (readonly [readonly string[], Privilege])[] = [
  [['find'], 'read'],
  [['insert'], 'insert'],
  [['update'], 'update'],
  [['remove'], 'delete'],
  [['createCollection', 'dropCollection', 'createIndex', 'dropIndex'], 'schema'],
  [['changeStream'], 'feed'],
]
const byActions = actions.map(([names, privilege]) =>
  mongodb(
    `\`${names.join('`, `')}\` of a made role`,
    [
      {
        grantPrivilegesToRole: 'crew',
        privileges: collections.map((one) => {
          const [db, collection] = one.split('.')
          return { resource: { db, collection }, actions: names }
        }),
      },
      {
        grantPrivilegesToRole: 'crew',
        privileges: namespaces.map((db) => ({ resource: { db, collection: '' }, actions: ['polylog:usage'] })),
      },
      { grantRolesToUser: 'ada', roles: ['crew'] },
    ],
    { on: { ...using, ...on(collections, privilege) } },
  ),
)

// ---- by Redis

const { read, write, everything } = {
  read: ['read'],
  write: ['insert', 'update', 'delete'],
  everything: ['read', 'insert', 'update', 'delete'],
} as const satisfies Record<string, readonly Privilege[]>

const redis = (rules: string, held: On, commands?: Holdings['commands']): Subject => ({
  name: `\`${rules}\``,
  by: 'redis',
  give: [`ACL SETUSER ada resetkeys ${rules}`],
  holds: { on: held, ...(commands && { commands }) },
})

const patterns: readonly Subject[] = [
  redis('~* +@all', { redis: everything }),
  redis('%R~* +@all', { redis: read }),
  redis('%W~* +@all', { redis: write }),
  redis('~a:* +@all', { 'redis a:*': everything }),
  redis('%R~a:* +@all', { 'redis a:*': read }),
  redis('%W~a:* +@all', { 'redis a:*': write }),
  redis('%R~a:* %W~b:* +@all', { 'redis a:*': read, 'redis b:*': write }),
  redis('%R~* ~a:* +@all', { redis: read, 'redis a:*': everything }),
  redis('+@all', {}),
]

/** What commands of a category could do: all that a pattern for all keys gives at other doors. */
const ofCategories: readonly (readonly [string, readonly Privilege[]])[] = [
  ['keyspace', everything],
  ['read', read],
  ['write', everything],
  ['set', everything],
  ['sortedset', everything],
  ['list', everything],
  ['hash', everything],
  ['string', everything],
  ['bitmap', ['read', 'insert', 'update']],
  ['hyperloglog', ['read', 'insert', 'update']],
  ['geo', ['read', 'insert', 'update']],
  ['stream', everything],
  ['pubsub', []],
  ['admin', ['read', 'insert', 'update']],
  ['fast', everything],
  ['slow', everything],
  ['blocking', everything],
  ['dangerous', everything],
  ['connection', []],
  ['transaction', []],
  ['scripting', []],
]

const categories: readonly Subject[] = [
  ...ofCategories.map(([name, held]) =>
    redis(`~* -@all +@${name}`, held.length === 0 ? {} : { redis: held }, (command) => inCategory(command, name)),
  ),
  redis('~* -@all +get', { redis: read }, (command) => command === 'get'),
  redis('~* -@all', {}, () => false),
  redis('~* +@all -@dangerous', { redis: everything }, (command) => !inCategory(command, 'dangerous')),
  redis('~* +@all -@write', { redis: read }, (command) => !inCategory(command, 'write')),
]

export const subjects: readonly Subject[] = [
  sql('nothing', [], {}),
  ...onCollections,
  ...onNamespaces,
  ...onDatabase,
  ...onColumns,
  ...onSequences,
  ...memberships,
  ...owners,
  ...ofObjects,
  ...attributes,
  ...predefined,
  ...others,
  ...builtIn,
  ...byActions,
  ...patterns,
  ...categories,
]
