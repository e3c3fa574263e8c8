/** Bugs of who may do what: each opens something that was closed. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inSql = ['src/server/privileges.test.ts']

export const privilegeMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/bind/bind-expression.ts', inSql, [
    ['a column that is named is not asked for', '  binder.access.reads(found?.source)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/stars.ts', inSql, [
    ['a star asks for no column', '      binder.access.reads(source)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/prepared.ts', inSql, [
    [
      'a plan holds whatever has been taken away',
      'if (rights !== this.#rights || style !== this.#style)',
      'if (style !== this.#style)',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-from.ts', inSql, [
    ['a schema that may not be used is searched', '    if (!binder.maySearch(schema)) continue\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/update.ts', inSql, [
    [
      'rows are deleted by who may only read them',
      '  binder.access.any((through?.view ?? target.relation).collection, privilege.delete)\n',
      '',
    ],
  ]),
  ...mutationsOf(
    'src/database/catalog/schema-changes.ts',
    ['src/session/guarded-keys.test.ts'],
    [
      [
        'who changes definitions becomes the owner',
        '  if (change.ownerId !== undefined && change.ownerId !== before.ownerId) mayGive(transaction, before)\n',
        '',
      ],
      ['who changes definitions moves a table to where it reads', '      mayMove(transaction, before)\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/database/access/access-list.ts',
    ['src/database/access/access-list.test.ts'],
    [
      [
        'two who have given it to each other hold each other up',
        'const givers = new Set([owner, noOwner])',
        'const givers = new Set([owner, noOwner, ...list.map(({ to }) => to)])',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/access/transaction-access.ts',
    ['src/session/guarded-keys.test.ts'],
    [
      [
        "what was found for one is another's answer",
        'if (rights === this.#rights && catalog === this.#catalog) return',
        'if (catalog === this.#catalog) return',
      ],
      [
        'a key is touched by who has nothing to do with it',
        "    if (!rights.touches(collection, writes)) throw new AccessError('table', collection.name)\n",
        '',
      ],
    ],
  ),
  ...mutationsOf('src/language/sql/functions/system-functions.ts', inSql, [
    [
      'a default draws from whichever sequence it names',
      'if (isDraw && run.context.ownSequence === sequence.id) {',
      'if (isDraw && run.context.ownSequence !== null) {',
    ],
  ]),
  ...mutationsOf('src/model/table/reference-rules.ts', inSql, [
    [
      'what a foreign key sets is set as whoever deletes',
      'transaction.access.asOwner(owned, () => this.#apply(transaction, one, action))',
      'this.#apply(transaction, one, action)',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/objects.ts', inSql, [
    [
      'a relation is found by name in a schema that may not be used',
      'if (namespace !== undefined) rights.requireUse(namespace)',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/owners.ts', inSql, [
    ['whoever may make a table gives it to who may not', 'context.rightsOf?.(ownerId)', 'transaction.principal.rights'],
  ]),
  ...mutationsOf('src/database/access/default-access.ts', inSql, [
    ['what was said of one schema holds in none', 'return here.reduce(withItem, everywhere)', 'return everywhere'],
  ]),
  ...mutationsOf(
    'src/database/access/default-access.ts',
    ['src/server/default-privileges.test.ts'],
    [['who writes the first key gives the keys of others', "made.model === 'keyvalue' || ", '']],
  ),
  ...mutationsOf(
    'src/gateway/postgres/transaction-block.ts',
    ['src/server/roles-in-blocks.test.ts'],
    [['a block changes roles and data', 'if (isMixed) {', 'if (false) {']],
  ),
  ...mutationsOf('src/gateway/postgres/client.ts', inSql, [
    ['what a block has said of roles outlives ROLLBACK TO', '    this.pendingRoles?.rollbackTo(roles)\n', ''],
  ]),
  ...mutationsOf('src/principal/principals.ts', inSql, [
    [
      'who owns a database may be dropped',
      'checkOwnsNone(role, databasesOwnedBy(tx.catalog, role.id))',
      'checkOwnsNone(role, [])',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/redis/command-table.ts',
    ['src/server/told-values.test.ts'],
    [['ZADD tells sums to who may only write', "['zadd', { option: 'incr'", "['zadd*', { option: 'incr'"]],
  ),
  ...mutationsOf(
    'src/language/sql/catalog/relation-size.ts',
    ['src/server/told-values.test.ts'],
    [['sizes are told to everybody', "return collection.model === 'table' ||", 'return true ||']],
  ),
  ...mutationsOf(
    'src/model/document/document.ts',
    ['src/server/told-values.test.ts'],
    [['an index that cannot be built shows its keys', 'shows ? document : undefined', 'document']],
  ),
  ...mutationsOf(
    'src/gateway/mongodb/commands/users.ts',
    ['src/server/mongodb-users.test.ts'],
    [['an update takes before it is refused', '  await checkUpdate(request, user, { gone, added, change })\n', '']],
  ),
]
