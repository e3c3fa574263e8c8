/** Bugs of one door, or of what all doors ask, that the walk over the matrix of privileges is to find. */
import { mutationsOf, type Mutation } from './mutation.ts'

const walk = ['test/matrix/matrix.test.ts']

export const matrixMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/mongodb/commands/collections.ts', walk, [
    [
      'listCollections shows what may not be seen',
      'principal.rights.areUnlimited ? all : all.filter((collection) => maySee(principal.rights, collection))',
      'maySee(principal.rights, all[0]!) ? all : all',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/access.ts', walk, [
    [
      'an owner looks at what is in a schema that it may not use',
      '  else rights.requireUse(collection.namespace)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/gateway/mongodb/users/granting.ts', walk, [
    [
      'who owns a schema gives by MongoDB what is in it by others',
      'asked.catalog.namespaceById(id) === undefined ? allPrivileges : ofNamespaceOwners',
      'asked.catalog.namespaceById(id) === undefined ? allPrivileges : allPrivileges',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/permissions.ts', walk, [
    [
      'a key that is read is asked for as if it were written only',
      'asksForValue(answersIf, args, first) ? wanted : wanted & ~read',
      'asksForValue(answersIf, args, first) ? wanted & ~read : wanted & ~read',
    ],
    [
      'KEYS shows what may not be read',
      'return this.#mayAll(read) ? undefined : (key) => this.#may(key, read)',
      'return this.#mayAll(read) || this.#patterns.length > 0 ? undefined : (key) => this.#may(key, read)',
    ],
  ]),
  ...mutationsOf('src/gateway/redis/command-table.ts', walk, [
    ['who may not delete flushes', "  ['flushdb', privilege.delete],\n", ''],
  ]),
  ...mutationsOf('src/gateway/mongodb/commands/collections.ts', walk, [
    [
      'a view shows what its maker may not read',
      '      requireBelow(transaction, database, view)\n',
      '      void requireBelow\n',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/drop-objects.ts', walk, [
    [
      'partitions stay with their owners when the whole is dropped',
      'plan.dropped.filter(({ id }) => !targeted.has(id))',
      'cascaded.map(({ dependent }) => dependent)',
    ],
  ]),
  ...mutationsOf('src/database/access/rights.ts', walk, [
    [
      'who changes definitions replaces what acts for its owner',
      '    if (findKind(collection.kind)?.actsForOwner !== true) return this.requireDrop(collection)\n',
      '    if (collection.id !== 0) return this.requireDrop(collection)\n',
    ],
    [
      'what is given and taken away counts for none of the open sessions',
      'return this.member === member && this.access === access',
      'return this.member === member',
    ],
    [
      'who may use a schema may make something in it',
      'noPrivileges : privilege.usage | creating(all)',
      'noPrivileges : privilege.usage | privilege.create',
    ],
    [
      'who replicates uses every schema',
      'this.#spread = member === undefined ? allPrivileges : (given & spreading)',
      'this.#spread = member === undefined ? allPrivileges : (this.#ofDatabase & spreading)',
    ],
    [
      'who gives what is given on all around gives nothing in SQL',
      "if ('namespace' in object) return (givableOn(object.namespace.id) | givableOn(0)) & ofCollections",
      "if ('namespace' in object) return (givableOn(object.namespace.id) | givableOn(0)) & noPrivileges",
    ],
  ]),
  ...mutationsOf('src/database/catalog/schema-changes.ts', walk, [
    [
      'who owns a schema drops nothing of others in it',
      'transaction.access.asServer(() => clearKeys(transaction, collection))',
      'clearKeys(transaction, collection)',
    ],
  ]),
  ...mutationsOf('src/language/sql/catalog/polylog-schema.ts', walk, [
    [
      'polylog.collections shows what may not be seen',
      'return [...collections(run)].filter((collection) => rights.onAnyColumn(collection) !== noPrivileges)',
      'return [...collections(run)].filter((collection) => rights.onAnyColumn(collection) >= noPrivileges)',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/insert.ts', walk, [
    [
      'a statement that gives no value asks for every column',
      'const given = statement.selectStmt === undefined ? [] : own',
      'const given = own',
    ],
  ]),
]
