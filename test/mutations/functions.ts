/** Functions: how long they hold the thread, and of what they compute. */
import { mutationsOf, type Mutation } from './mutation.ts'

const golden = ['src/language/sql/golden.test.ts']
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
    ['errors cost nothing', '      charge(unitsPerError)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/exec-sql.ts', turns, [
    ['texts cost nothing', '    charge(unitsPerStatement + shown.length * unitsPerCharacter)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/routine/inner-statement.ts', turns, [
    ['notices cost nothing', '  charge(unitsPerNotice)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/plpgsql/sql-parts.ts', turns, [
    ['an expression keeps its value for other variables', '    run.kept = undefined\n', ''],
  ]),
]
