/** The rules of tables: their places, what is put off, generated columns, references. */
import { mutationsOf, type Mutation } from './mutation.ts'

const golden = ['src/language/sql/golden.test.ts']
const agenda = ['src/database/transaction/agenda.test.ts']
const places = ['src/server/row-rules.test.ts']
const generated = ['src/server/generated-columns.test.ts']
const documents = ['src/server/document-errors.test.ts']

export const ruleMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/database/transaction/statement-notes.ts',
    ['src/database/transaction/statement-notes.test.ts'],
    [
      ['notes of a batch that is taken back stay', '    this.#total = total\n    this.#marked', '    this.#marked'],
      ['notes are cut off by whole chunks', 'last.length = total - last.start', ''],
      ['notes never go to a file', 'if (!workspace.canSpill ||', 'if (workspace.canSpill ||'],
    ],
  ),
  ...mutationsOf(
    'src/gateway/postgres/copy-in.ts',
    ['src/server/transition-rows.test.ts'],
    [
      ['each piece of a COPY is a statement', 'if (!isLast) held = transaction.agenda.hold()', ''],
      ['a piece of a COPY begins its events anew', 'if (before !== undefined) transaction.agenda.resume(before)', ''],
    ],
  ),
  ...mutationsOf(
    'src/model/table/transition-rows.ts',
    ['src/server/transition-rows.test.ts'],
    [['an old row is read in part', 'delete: { needed, after', 'delete: { after']],
  ),
  ...mutationsOf('src/model/table/rows.ts', places, [
    [
      'what a rule changes is changed again after a wait',
      'insert.before.length === 0 ? completed : [...completed]',
      'completed',
    ],
    ['a rule cannot leave a row out', 'if (!before(transaction, row)) return undefined', 'before(transaction, row)'],
    [
      'nothing follows a row that moves',
      '    for (const after of places.after) after(transaction, row, oldRow, keyWriter, true)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/model/table/built-in-rules.ts', golden, [
    [
      'a key that may wait is told behind the references',
      "    lateUnique('deferrable primary key', true),\n    referred(changes),\n    references,\n",
      "    referred(changes),\n    references,\n    lateUnique('deferrable primary key', true),\n",
    ],
    [
      'an update into a unique constraint that may wait is not looked at',
      'if (!isSame) checkTwin',
      'if (isSame) checkTwin',
    ],
    [
      'an update tests the checks that it cannot break',
      'meets(reads, set) || pending',
      '!meets(reads, set) || pending',
    ],
    [
      'a delete does not read what others refer to',
      '        needed: referableOrdinals(table),\n        after: (transaction, oldRow, _key, isMoved) =>',
      '        after: (transaction, oldRow) =>',
    ],
  ]),
  ...mutationsOf('src/model/table/generated-columns.ts', generated, [
    [
      'a generated column stays where what it reads changes',
      'alsoSets: (table, set) => derivedBy(table, set).map(({ ordinal }) => ordinal)',
      'alsoSets: () => []',
    ],
  ]),
  ...mutationsOf('src/model/table/verify.ts', generated, [
    [
      'the verifier believes generated columns',
      'if (isAsGenerated(verification, table, column, row)) continue',
      'continue',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/copy.ts', generated, [
    [
      'COPY reads generated columns',
      'filter((i) => relation.columns[i]!.isGenerated !== true)',
      'filter((i) => relation.columns[i] !== undefined)',
    ],
  ]),
  ...mutationsOf('src/database/transaction/agenda.ts', agenda, [
    ['an event that was rolled back does not begin again', '    this.#begun.splice(begun)\n', ''],
    [
      'what stands behind a statement is forgotten',
      '    while (this.#behind.length > 0) {',
      '    while (this.#behind.length > 9) {',
    ],
  ]),
  ...mutationsOf('src/database/transaction/part.ts', documents, [
    ['a part leaves what it put off to the statement', '    if (end !== undefined) yield* end\n', ''],
    ['a part that failed stays', '    if (failsAlone(error)) yield* transaction.takeBackPart(start)\n', ''],
  ]),
  ...mutationsOf('src/model/table/reference-rules.ts', golden, [
    [
      'SET DEFAULT does not look whether the default is there',
      "    if (action === 'set default') yield* this.#refuse(transaction)\n",
      '',
    ],
    [
      'MATCH FULL mixes NULLs with values',
      '  if (foreignKey.columns.some(({ ordinal }) => row[ordinal] === null)) return false\n  const values',
      '  const values',
    ],
    [
      'RESTRICT lets another row take the place',
      "if (this.#action !== 'restrict') {",
      "if (this.#action !== 'cascade') {",
    ],
  ]),
  ...mutationsOf('src/model/table/key-comparison.ts', golden, [
    [
      'a time of day refers to its day',
      'return us % usPerDay === 0n ? Number(us / usPerDay) : undefined',
      'return Number(us / usPerDay)',
    ],
    ['a negative number refers to no oid', '(value as number) >>> 0', 'value'],
  ]),
  ...mutationsOf(
    'src/model/table/built-in-rules.ts',
    ['src/language/sql/golden.test.ts'],
    [['a row from before a check that is NOT VALID is left as it is when it is changed', ' || pending.has(name)', '']],
  ),
  ...mutationsOf('src/model/table/foreign-key.ts', golden, [
    [
      'rows of partitions are referred to by their own foreign keys only',
      'const named = [table, ...ancestorsOf(catalog, table)]',
      'const named = [table]',
    ],
    [
      'a part of a foreign key is not called by its name',
      'return { name: (part ?? definition).name, table }',
      'return { name: definition.name, table }',
    ],
    [
      'a partition is looked through by an index of another one',
      'one.parent?.table === parent.id && one.parent.index === above',
      'one.isUnique',
    ],
  ]),
  ...mutationsOf('src/model/table/reference-rules.ts', golden, [
    [
      'a row that moves is gone for those who refer to a partition above it',
      'if (isToItself(foreignKey)) follow(',
      'follow(',
    ],
    [
      'a row may leave a table in the middle that is referred to',
      'refuseMoveBelow(transaction: Transaction, root: Table, leaf: Table): void {',
      'refuseMoveBelow(transaction: Transaction, root: Table, leaf: Table): void {\n  if (root !== leaf) return',
    ],
  ]),
  ...mutationsOf('src/model/table/reference-schema.ts', golden, [
    [
      'a partition goes with rows that are referred to',
      'if (home === undefined ? !isLeaving : !going.has(home.referenced.id)) return',
      'if (home !== undefined) return',
    ],
    [
      'a foreign key that goes leaves what partitions have of it',
      'for (const { id } of dropped) {\n    changeParts',
      'for (const { id } of dropped.slice(1)) {\n    changeParts',
    ],
    [
      'partitions do not learn who refers to the table that they become a part of',
      'for (const id of referencing) noteInFamily(transaction, child.id, id)',
      'void referencing',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/partitions/shared-references.ts', golden, [
    [
      'what was a partition keeps its part in foreign keys to the table',
      'one.parts.filter(({ references }) => !gone.has(references))',
      'one.parts',
    ],
  ]),
  ...mutationsOf(
    'src/language/sql/statement/partitions/constraints.ts',
    ['src/language/sql/golden.test.ts'],
    [
      [
        'VALIDATE CONSTRAINT forgets the tables that inherit',
        'yield* validateInFamily(run, child, own, false)',
        'yield* []',
      ],
    ],
  ),
]
