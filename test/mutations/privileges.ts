/** Bugs of who may do what: each opens something that was closed. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inSql = ['src/server/privileges.test.ts']

export const privilegeMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/bind/bind-expression.ts', inSql, [
    ['a column that is named is not asked for', '  binder.access.reads(found?.source)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-select.ts', inSql, [
    ['a star asks for no column', '      binder.access.reads(source)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/prepared.ts', inSql, [
    ['a plan holds whatever has been taken away', '    if (rights !== this.#rights) return false\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-from.ts', inSql, [
    ['a schema that may not be used is searched', '    if (!binder.maySearch(schema)) continue\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/update.ts', inSql, [
    [
      'rows are deleted by who may only read them',
      '  binder.access.any(target.relation.collection, privilege.delete)\n',
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
      [
        'who changes definitions moves a table to where it reads',
        '    if (altered.namespace.id !== collection.namespace.id) mayMove(transaction, before)\n',
        '',
      ],
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
]
