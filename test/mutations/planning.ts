/** How much is done to bind and plan a statement. */
import { mutationsOf, type Mutation } from './mutation.ts'

const work = ['src/language/sql/planning-work.test.ts']

export const planningMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/bind/scope.ts', work, [
    [
      'a name of WITH is asked for on two ways',
      'return this.#within.findCommonTable(name)',
      '{\n      const beside = this.#within.findCommonTable(name)\n      if (beside !== undefined) return beside\n    }',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/push-down.ts', work, [
    [
      'a query is looked at for each condition',
      '(one) => canMove(one) && pushing.takes(one)',
      '(one) => canMove(one) && pushingInto(query, first)!.takes(one)',
    ],
    ['a condition may grow without end', 'within <= Math.max(own, mostParts)', 'true'],
  ]),
  ...mutationsOf('src/language/sql/bind/repetition.ts', work, [
    ['what stands in several places is not counted', 'this.#parts += Math.max(0, parts)', ''],
    ['binding anew is for nothing', 'this.#count((expressions - 1) * bindingParts)', ''],
    [
      'a column in many places makes a statement complex',
      '(expressions - 1) * bindingParts',
      '(expressions + 100) * bindingParts',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-operation.ts', work, [
    ['BETWEEN compares for nothing', 'binder.repeated(scope, node.lexpr!)', 'binder.expression(scope, node.lexpr!)'],
    [
      'bounds of BETWEEN SYMMETRIC are not counted',
      'for (const one of [low, high]) binder.repetition.shared(one)\n',
      '',
    ],
    ['NULLIF takes two for one', '      binder.repetition.shared(left)\n', ''],
    [
      'rows are compared with a list for nothing',
      'for (const one of left.RowExpr.args ?? []) binder.repetition.written(one)\n',
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/bind-expression.ts', work, [
    ['CASE compares for nothing', 'if (node.arg !== undefined) binder.repetition.written(node.arg)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/bind/row-comparison.ts', work, [
    ['entries of rows are not counted', 'for (const one of pairs[at]!) binder.repetition.shared(one)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/expression/print-numbers.ts', work, [
    ['a part is named anew each time', 'if (number === undefined) this', 'this'],
  ]),
  ...mutationsOf(
    'src/language/sql/repeated-length.ts',
    ['src/language/sql/repeated-length.test.ts'],
    [
      ['what a tree repeats is not counted', '(level.times - 1) * (level.length - level.from)', '0'],
      ['a repetition goes on to the end', "text === ',' || text === ';'", "text === ';'"],
      ['a comparison of rows repeats', 'closed?.isList === true', 'closed !== undefined'],
      ['what cannot be taken apart is short', 'text.length * columns ** places', 'text.length'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/plpgsql/tokens.ts',
    ['src/language/sql/repeated-length.test.ts'],
    [['a string does not go on in the next line', "[\\n\\r])+[ \\t\\v\\f]*'", "[\\n\\r])+[ \\t\\v\\f]*!'"]],
  ),
  ...mutationsOf(
    'src/language/sql/sql.ts',
    ['src/language/sql/repeated-length.test.ts'],
    [['a short text with a long tree holds the thread', ' || repeatedLength(text) > maxCachedTextLength', '']],
  ),
  ...mutationsOf(
    'src/language/sql/parse.ts',
    ['src/language/sql/repeated-length.test.ts'],
    [['a tree may be of any length', 'if (length <= maxTextBytes) return length', 'if (length > 0) return length']],
  ),
  ...mutationsOf('src/model/table/types/user/user-type.ts', work, [
    ['a type is made for each place that it stands in', 'known.set(place.id, type)', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/naming.ts', work, [
    ['a free name is looked for from the beginning', 'numbers.get(key) ?? 0', '0'],
  ]),
  ...mutationsOf('src/language/sql/statement/create-table.ts', work, [
    [
      'columns are looked at before they are counted',
      "  checkColumnCount((statement.tableElts ?? []).filter((node) => 'ColumnDef' in node).length)\n",
      '',
    ],
  ]),
]
