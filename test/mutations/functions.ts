/** Functions: how long they hold the thread, and of what they compute. */
import { mutationsOf, type Mutation } from './mutation.ts'

const golden = ['src/language/sql/golden.test.ts']
const sessions = ['src/gateway/postgres/session-scripts.test.ts']
const turns = ['src/language/sql/plpgsql/turns.test.ts']

export const functionMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/routine/conversion.ts', golden, [
    ['an assignment does not ask a domain', '    checkDomain(owner.transaction, domain, converted)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/routine/definition.ts', golden, [
    [
      'functions do not depend on the types of users',
      "    ...madeTypesOf(parameters, returns).map((id) => ({ on: { id }, kind: 'normal' }) as const),\n",
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/types/stored-names.ts', golden, [
    [
      'defaults of parameters keep the old name of a type',
      '    else if (isRoutine(one)) rewriteRoutine(run, before, one, texts)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-return.ts', golden, [
    [
      'a record is taken for whatever its call says',
      '  if (frame.isDescribed) checkDescribed(row.columns, wanted)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-loop.ts', turns, [
    ['a loop without a body never pauses', '  charge(unitsPerTurn)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-block.ts', turns, [
    ['errors cost nothing', '    charge(unitsPerError)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-sql.ts', turns, [
    ['texts cost nothing', '    charge(unitsPerStatement + shown.length * unitsPerCharacter)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/routine/inner-statement.ts', golden, [
    [
      'what a trigger reads of changed rows is planned once for ever',
      '  if (transitions === undefined) return own\n',
      '  if (own.length >= 0) return own\n',
    ],
  ]),
  ...mutationsOf('src/language/sql/routine/inner-statement.ts', turns, [
    ['notices cost nothing', '  charge(unitsPerNotice)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/sql-parts.ts', turns, [
    ['an expression keeps its value for other variables', '    run.kept = undefined\n', ''],
  ]),
  ...mutationsOf('src/language/sql/routine/standing-alone.ts', sessions, [
    [
      'a statement of a procedure goes on where it was taken back',
      '    if (alone.attempts !== attempts) {\n',
      '    if (false) {\n',
    ],
    [
      'what met newer data ends a procedure',
      '      if (!(error instanceof Restart)) throw error\n',
      '      throw error\n',
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/query-run.ts', sessions, [
    [
      'anything is gone on with after it was taken back',
      '    if (attempts > 0 && !alone.isRepeatable) throw cannotRepeat()\n',
      '',
    ],
    ['a procedure ends transactions within others', " && this.#client.block.kind === 'none'\n", '\n'],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-block.ts', sessions, [
    ['a block that is run again keeps its variables', '    frame.values.splice(0, Infinity, ...values)\n', ''],
    ['transactions end within blocks that handle errors', '  frame.guards++\n', '  frame.guards += 0\n'],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-transaction.ts', sessions, [
    ['transactions end within loops that write', '    if (alone.writingLoops > 0) {\n', '    if (false) {\n'],
    [
      'cursors outlive their transaction',
      '    for (const { name, isLoop } of frame.cursors.values()) if (!isLoop) frame.cursors.delete(name)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-loop.ts', sessions, [
    [
      'rows of a loop are read on in another transaction',
      '    if (alone !== undefined && (alone.isApart || endsWithin)) {\n',
      '    if (alone !== undefined && false) {\n',
    ],
  ]),
]
