/** What SQL's queries can say beyond joins: windows, several groupings, recursion. */
import { mutationsOf, type Mutation } from './mutation.ts'

const windows = ['src/language/sql/windows.test.ts']
const windowAnswers = ['src/language/sql/golden.test.ts']

export const queryMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/query/partition-rows.ts',
    ['src/query/window.test.ts'],
    [
      [
        'rows of a partition are kept to its end',
        'if (count < forgottenAtOnce || 2 * count < this.#rows.length) return',
        'return',
      ],
      ['a row is looked for in the block behind its own', 'low = middle + 1', 'low = middle + 2'],
      ['a partition goes on into the next one', 'this.#keyOf(row, run) !== this.#key', 'false'],
    ],
  ),
  ...mutationsOf('src/language/sql/plan/windows/window-aggregates.ts', windows, [
    [
      'a frame that moves is gone through anew',
      '(head >= this.#tail || this.#of.moving === undefined)',
      'head > this.#head',
    ],
    [
      'what is left out of a frame is never taken out',
      'if (to - from > mostTakenOut) return undefined',
      'return undefined',
    ],
  ]),
  ...mutationsOf('src/language/sql/functions/moving-aggregates.ts', windowAnswers, [
    ['digits that are gone are still shown', 'if (isAtScale && atScale === 1 && scale > 0) return undefined', ''],
    ['NaN is taken out of a sum', 'if (!sum.isFinite || !value.isFinite) return undefined', ''],
  ]),
  ...mutationsOf('src/language/sql/plan/windows/window-order.ts', windowAnswers, [
    [
      'windows are computed in the order of the text',
      'numbered.sort((a, b)',
      '((all: Numbered[], _: unknown): Numbered[] => all)(numbered, (a: Numbered, b: Numbered)',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/recursive-union.ts', windowAnswers, [
    ['a recursive query finds rows again that it had', 'if (!this.#keys.has(key))', 'if (true)'],
    [
      'what is computed of a round is kept for the next',
      'run.captures[this.#id] = [this.#round]',
      'run.captures[this.#id] = [0]',
    ],
  ]),
  ...mutationsOf('src/query/aggregate.ts', windowAnswers, [
    ['no grouping of everything where there is no row', '(this.#plan.withoutRows?.(run) ?? [])', '[]'],
  ]),
  ...mutationsOf('src/language/sql/bind/with/freezing.ts', windowAnswers, [
    ['a statement in WITH sees what another one of it has written', 'writersOf(binder, relation) > 0 ?', 'false ?'],
    ['a row is changed by two statements of one WITH', 'return writersOf(binder, relation) > 1', 'return false'],
  ]),
  ...mutationsOf(
    'src/language/sql/plan/sampled-reader.ts',
    ['src/language/sql/golden.test.ts'],
    [
      [
        'a sample is drawn from neighbours alike',
        'hashOf(hashOf(text, seed), seed) < below',
        'hashOf(text, 0) < below',
      ],
      [
        'a sample is drawn anew wherever it is repeated',
        'seedOf === undefined ? chanceOf(run) : spread(seedOf(noRow, run))',
        'chanceOf(run)',
      ],
      [
        'a share is of the whole',
        '  return Math.round((2 ** 32 * value) / 100)\n',
        '  return Math.round(2 ** 32 * value)\n',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/plan/plan-family.ts',
    ['src/language/sql/golden.test.ts'],
    [
      [
        'partitions are read without the sample',
        '  if (whole instanceof SampledRelation) return whole.of(memberOf(whole.inner, member))\n',
        '  if (whole instanceof SampledRelation) return memberOf(whole.inner, member)\n',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/query-text/from-text.ts',
    ['src/language/sql/golden.test.ts'],
    [
      [
        'the text of a view has no sample',
        '    if (relation instanceof SampledRelation) this.#sampling(relation.sampling)\n',
        '',
      ],
    ],
  ),
]
