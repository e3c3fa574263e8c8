/** Bugs of views, functions' rights and temporary tables: somebody is asked for too little, sees too much, or a text comes to mean something else. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inPrivileges = ['src/server/view-privileges.test.ts']
const inGolden = ['src/language/sql/golden.test.ts']
const inWide = ['src/language/sql/wide-plans.test.ts']
const inKept = ['src/server/kept-queries.test.ts']
const inFunctions = ['src/server/function-privileges.test.ts']
const inTemporary = ['src/server/temporary-tables.test.ts']

export const viewMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/bind/binder.ts', inPrivileges, [
    [
      'nobody asks the owners of views',
      '    for (const { access, rights } of this.#owners.values()) access.check(rights)\n',
      '',
    ],
    [
      'a view reads as its caller',
      "this.#acting = as === 'owner' ? this.#ownerOf(ownerId) : undefined",
      'this.#acting = undefined',
    ],
    [
      'a view that asks its caller asks the owner of the view around it',
      "this.#acting = as === 'owner' ? this.#ownerOf(ownerId) : undefined",
      "this.#acting = as === 'owner' ? this.#ownerOf(ownerId) : outer",
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/updatable-view.ts', inPrivileges, [
    ['owners are not asked for what is written', '    binder.access.any(relation.collection, wanted.whole)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/updatable-view.ts', inGolden, [
    [
      'a check option below is forgotten',
      "  const under = below === undefined ? [] : checksOf(below, isCascaded || option === 'cascaded')\n",
      '  const under = below === undefined ? [] : checksOf(below, isCascaded)\n',
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/client.ts', inKept, [
    [
      'a role outlives who took it',
      "    if (name === 'session_authorization') this.settings.set('role', 'none', scope)\n",
      '',
    ],
  ]),
  ...mutationsOf('src/database/access/transaction-access.ts', inKept, [
    [
      'what a party has put off is done as who commits',
      'return party.sessionId === this.#transaction.principal.sessionId ? run() : this.#as(party, run)',
      'return party.sessionId === this.#transaction.principal.sessionId ? run() : run()',
    ],
  ]),
  ...mutationsOf('src/language/sql/trigger/runner.ts', inKept, [
    ['what follows a change becomes somebody else', 'setSetting: refuseToBecome,', 'setSetting: () => undefined,'],
    ['what follows a change forgets who has come in', 'principal.sessionUser ?? ', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/binder.ts', inWide, [
    ['views are read as often as they are named', '++this.#viewsRead > mostViewsRead', 'this.#viewsRead < 0'],
  ]),
  ...mutationsOf('src/language/sql/plan/explain-text.ts', inWide, [
    [
      'EXPLAIN shows a query below each of its readers',
      'children.filter((one) => !known.has(one) && known.add(one))',
      'children',
    ],
  ]),
  ...mutationsOf('src/language/sql/routine/as-owner.ts', inKept, [
    ['what is refreshed writes and changes the session', '    isRestricted: { value: true },\n', ''],
    ['what is refreshed changes settings', '    setSetting: { value: setSetting },\n    signal', '    signal'],
    ['what is refreshed ends others', '    signalSession: { value: signalSession },\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/views/materialized-views.ts', inKept, [
    ['who refreshes a view lends it all rights', 'yield* asOwner(run, collection, held())', 'yield* held()'],
  ]),
  ...mutationsOf('src/language/sql/routine/as-owner.ts', inFunctions, [
    ['a function that acts as its owner says as whom the session goes on', '    refuseToBecome(name)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/type-access.ts', inFunctions, [
    ['types are anybody’s', '(rights.onCollection(collection) & privilege.usage) !== 0', 'rights !== unlimited'],
  ]),
  ...mutationsOf('src/language/sql/statement/grant.ts', inFunctions, [
    [
      'what everybody may do with a function cannot be taken away',
      "first: unsaid('function', ownerId ?? noOwner)",
      "first: unsaid('function', noOwner)",
    ],
  ]),
  ...mutationsOf('src/database/access/default-access.ts', inFunctions, [
    ['functions begin with what is said of tables', "if (space === 'function' || space === 'type') return space", ''],
    ['what is taken from everybody by default is forgotten', 'isUnsaid(kind, roleId, list)', 'list.length === 0'],
  ]),
  ...mutationsOf('src/language/sql/plan/flatten.ts', inGolden, [
    [
      'conditions of a view are lost where it is taken in',
      '    return { item: moved, tests: conjunctsOf(where).map((one) => moveExpression(one, move)) }\n',
      '    return { item: moved, tests: [] }\n',
    ],
  ]),
  ...mutationsOf('src/model/table/temporary.ts', inTemporary, [
    [
      'ON COMMIT DELETE ROWS does nothing',
      "        if (event === 'insert' || event === 'update') transaction.agenda.putOff(deletingTask(table.id))\n",
      '',
    ],
  ]),
  ...mutationsOf('src/database/transaction/agenda.ts', inTemporary, [
    ['SET CONSTRAINTS empties temporary tables', '    if (constraint.isOfCommit === true) return true\n', ''],
  ]),
  ...mutationsOf('src/query/view-target.ts', inGolden, [
    [
      'triggers of a view are told the new row for the old one',
      'const oldRow = row.slice(0, changed.length)',
      'const oldRow = [...changed]',
    ],
    [
      'what triggers of a view make of a new row is not answered',
      'isDone ? newRow : undefined',
      'isDone ? this.#view.columns.map(({ ordinal }) => draft[ordinal] ?? null) : undefined',
    ],
    [
      'a row that a trigger of a view leaves out counts',
      "'delete', { oldRow, newRow: undefined })\n",
      "'delete', { oldRow, newRow: undefined }) || true\n",
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/views/create-view.ts', inGolden, [
    [
      'CREATE OR REPLACE VIEW forgets the triggers',
      '() => ({ ...definition, columns, ...kept })',
      '() => ({ ...definition, columns })',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/updatable-view.ts', inGolden, [
    ['a view is written through one whose triggers write', 'under.triggered.does(command)', 'false'],
  ]),
  ...mutationsOf('src/language/sql/statement/found-rows.ts', inPrivileges, [
    [
      'a view that triggers write is read as who writes through another one',
      'through === undefined ? bind() : through.forTable(bind)',
      'bind()',
    ],
  ]),
]
