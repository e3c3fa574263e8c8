import { type Mutation, mutationsOf } from './mutation.ts'

const styles = ['src/gateway/postgres/text-styles.test.ts', 'src/base/time-zones', 'src/language/sql/settings']

export const textStyleMutations: readonly Mutation[] = [
  ...mutationsOf('src/base/time-zones/time-zone.ts', styles, [
    [
      'a time that is skipped is read as after the change',
      'return readBefore > readAfter ? before : after',
      'return after',
    ],
    ['a rule holds from its last change but one', 'seconds >= last.at', 'seconds > last.at + 86400'],
  ]),
  ...mutationsOf('src/base/time-zones/rule.ts', styles, [
    ['the fifth week of a month may be in the next one', 'return day < next ? day : day - 7', 'return day'],
  ]),
  ...mutationsOf('src/model/table/types/text-style.ts', styles, [
    ['a style stays in force behind its statement', '    current = before\n', ''],
    [
      'what waits goes on in another style',
      'inStretches(steps, (stretch) => inStyle(style, stretch))',
      'steps as Generator<Y, R, void>',
    ],
  ]),
  ...mutationsOf('src/language/sql/statement/prepared.ts', styles, [
    ['a prepared statement keeps the style that it was made in', ' || style !== this.#style', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/stored-expressions.ts', styles, [
    [
      'a check depends on who writes',
      'inStyle(plainStyle, () => evaluate(row as SqlRow, runFor(transaction)))',
      'evaluate(row as SqlRow, runFor(transaction))',
    ],
  ]),
  ...mutationsOf('src/language/sql/functions/date-functions.ts', styles, [
    [
      'a day is always as long as another',
      'if (by.months === 0 && by.days === 0) return',
      'if (by.months === 0) return',
    ],
  ]),
  ...mutationsOf('src/language/sql/settings/settings.ts', styles, [
    ['anybody sets what a superuser may', "context === 'superuser' && rights?.areUnlimited === false", 'false'],
  ]),
]
