/** Functions: how long they hold the thread, and of what they compute. */
import { mutationsOf, type Mutation } from './mutation.ts'

const turns = ['src/language/sql/plpgsql/turns.test.ts']

export const functionMutations: readonly Mutation[] = [
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
