/** Bugs of views and temporary tables: somebody is asked for too little, sees too much, or a text comes to mean something else. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inPrivileges = ['src/server/view-privileges.test.ts']
const inGolden = ['src/language/sql/golden.test.ts']
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
      "    if (as === 'owner' && !this.#isSilent) this.#acting = this.#ownerOf(ownerId)\n",
      '',
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
]
