import { type Mutation, mutationsOf } from './mutation.ts'

const golden = ['src/language/sql/golden.test.ts']
const names = ['src/language/sql/bind/names.test.ts']

/** Planted in how the catalogs show what there is, and in the names by which it is found. */
export const catalogMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/bind/names.ts', names, [
    ['a user is called like a schema of the system and gets it', 'systemNamespaces.has(user) ? [] : user', 'user'],
  ]),
  ...mutationsOf('src/language/sql/statement/set-schema.ts', golden, [
    [
      'a sequence of a column stays where its table was',
      'flatMap(({ sequence }) => sequence ?? [])',
      'flatMap((): number[] => [])',
    ],
    ['what names a relation keeps its schema', '  renameInTexts(run, before, relation.id)\n', ''],
  ]),
  ...mutationsOf(
    'src/language/sql/statement/naming.ts',
    [...golden, 'src/gateway/postgres/session-scripts.test.ts'],
    [
      [
        'indexes go where their names are taken',
        'for (const { name } of [relation, ...parts]) {',
        'for (const { name } of parts.length < 0 ? parts : [relation]) {',
      ],
      [
        'a temporary relation leaves its schema',
        'isTemporaryName(schema) || isTemporaryName(relation.namespace.name)) {',
        'isTemporaryName(schema)) {',
      ],
    ],
  ),
  ...mutationsOf('src/language/sql/catalog/memory-relation.ts', golden, [
    ['rows of a catalog say nothing of it', '[...step.value, systemViewOid(schema, name)!]', '[...step.value, 0]'],
  ]),
  ...mutationsOf('src/language/sql/catalog/partition-constraint.ts', golden, [
    [
      'the last column of a lower bound is left out',
      'if (at === edge.length - 1) return last',
      'if (at === edge.length - 1) return other',
    ],
  ]),
  ...mutationsOf('src/language/sql/catalog/index-text.ts', golden, [
    ['an expression of an index has no parentheses', 'return isCall ? text : `(${text})`', 'return text'],
  ]),
  ...mutationsOf('src/language/sql/statement/identity-columns.ts', golden, [
    ['a column that may be null becomes an identity', 'if (!isNotNull) throw', 'if (false) throw'],
    [
      'a dropped identity leaves its sequence',
      'if (collection !== undefined) run',
      'if (collection === undefined) run',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-from.ts', golden, [
    ['a view is read that is restricted', "includes('view') === true", "includes('view') === false"],
  ]),
]
