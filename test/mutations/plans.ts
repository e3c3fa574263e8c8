/** What plans are chosen by: access paths, counts, joins. */
import { mutationsOf, type Mutation } from './mutation.ts'

const paths = ['src/query/access-path.test.ts']
const counted = ['src/language/sql/counted-plans.test.ts']
const semiJoins = ['src/language/sql/semi-joins.test.ts']
const reached = ['src/language/sql/reached-rows.test.ts']
const joins = ['src/language/sql/counted-joins.test.ts', 'src/query/join-order.test.ts']

export const planMutations: readonly Mutation[] = [
  ...mutationsOf(
    'src/language/sql/expression/membership.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [
      [
        'a list of a parameter is gone through for each row',
        'known.at < known.elements.length ? ',
        'true ? undefined : known.at < known.elements.length ? ',
      ],
      ['a null in an array is no doubt', 'return set.has(null) ? null : all', 'return all'],
      ['a set of an array takes a turn', 'if (isTurnOver() && canWait()) throw suspended', ''],
      ['the set of the array before is the next one, too', 'if (known?.array === array)', 'if (known !== undefined)'],
      ['sets of arrays stay charged', 'workspace.memory.release(known.heldBytes)', 'workspace.memory.release(0)'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/plan/one-time-filter.ts',
    ['src/language/sql/one-time-filters.test.ts'],
    [['a volatile condition is tested once', 'isMovable(condition) && columnsRead', 'columnsRead']],
  ),
  ...mutationsOf(
    'src/query/row-operators.ts',
    ['src/language/sql/one-time-filters.test.ts'],
    [
      ['a condition that does not hold lets rows pass', 'return this.#isOpen ? ', 'return true ? '],
      ['a gate stays as it was for another outer row', 'this.#isOpen = undefined\n', ''],
    ],
  ),
  ...mutationsOf('src/query/access-path.ts', paths, [
    [
      'both ends of an interval bound an array',
      'high: low !== undefined && arrays !== undefined ? undefined : high',
      'high',
    ],
    ['two fields of one array are bounded together', 'if (arrays.has(part.arrays)) break\n', ''],
    ['a sparse index is used for null', 'if (index.isSparse && !bounds.some(excludesNull)) return undefined\n', ''],
    ['a unique key with a null is one row', "one.kind === 'point' && !one.acceptsNull", "one.kind === 'point'"],
    [
      'a list keeps an order behind it',
      "if (isBounded && bounds[at]!.kind === 'list' && i < wanted.length - 1) return undefined\n",
      '',
    ],
    ['an interval leads on to the next part', "    if (bound.kind === 'interval') break\n", ''],
    [
      'an order may turn in the middle',
      'if (found === undefined || (direction !== undefined && direction !== found)) return undefined',
      'if (found === undefined) return undefined',
    ],
    ['the place of nulls is no part of an order', '(part.nullsFirst !== wanted.nullsFirst) !== isAgainst', 'false'],
    ['a hint is given a null', 'if (isNull !== undefined && !isHint)', 'if (isNull !== undefined)'],
    ['of two indexes the larger one is read', 'const least = Math.min(...costs)', 'const least = Math.max(...costs)'],
    ['shares of one field are taken twice', 'if (fields.some((field) => seen.has(field))) continue\n', ''],
  ]),
  ...mutationsOf(
    'src/language/sql/plan/measures.ts',
    [...counted, ...joins],
    [
      ['a plan is kept whatever its parameters find', "(all || often === 'each time') && ", 'all && '],
      ['a plan is kept though sizes have changed', '++this.#executions % executionsBetween === 0', 'false'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/plan/adaptive-plan.ts',
    ['src/language/sql/kept-plans.test.ts'],
    [['a kept plan keeps the transaction that it was counted in', '  measures.close()\n', '']],
  ),
  ...mutationsOf('src/language/sql/plan/relation-scan.ts', counted, [
    ['of several lists the combinations are not all read', 'at[place]!++\n', 'return\n'],
    [
      'a list is read in the order of the text',
      'isDescending === reverse ? 1 : -1',
      'isDescending === reverse ? -1 : 1',
    ],
  ]),
  ...mutationsOf(
    'src/query/cardinality.ts',
    ['src/query/cardinality.test.ts'],
    [['the mean of groups is that of their entries', 'shares += 1 / size', 'shares += size']],
  ),
  ...mutationsOf(
    'src/database/transaction/write-set.ts',
    ['src/database/transaction/write-set.test.ts'],
    [
      [
        'an estimate counts all own writes',
        'if (compareSlices(key, range.start) >= 0 && compareSlices(key, range.end) < 0) hits++',
        'hits++',
      ],
    ],
  ),
  ...mutationsOf('src/query/join-order.ts', joins, [
    [
      'the dearest order of joins is taken',
      'known === undefined || next.cost < known.cost',
      'known === undefined || next.cost > known.cost',
    ],
    ['the larger side is kept in the table', 'left.rows * swapGain.factor < right.rows', 'left.rows > right.rows'],
    ['joins look up whatever it costs', 'return isWorthIt ? read : looked', 'return looked'],
  ]),
  ...mutationsOf('src/language/sql/plan/join-tree.ts', joins, [
    [
      'columns stay where the text had them',
      'if (this.places === undefined || columnsRead(one).size === 0) return one',
      'return one',
    ],
    ['a row comes out as it was joined', 'row[place]!)', 'row[places.indexOf(place)]!)'],
    [
      'a condition is forgotten until all of its members are there',
      '(owners & ~all) === 0 && (owners & (1 << member)) !== 0',
      '(owners & (1 << member)) !== 0',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/joins.ts', joins, [
    [
      'a table of the left side keeps the rows of the right one',
      'const kind = keepsLeft ? mirroredJoins[join.kind as keyof typeof mirroredJoins] : join.kind',
      'const kind = join.kind',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/semi-join.ts', semiJoins, [
    [
      'NOT IN takes unknown for false',
      "if (kind === 'semi') return conjunctsOf(equality)",
      'if (kind !== undefined) return conjunctsOf(equality)',
    ],
    ['a volatile subquery is joined', 'if (isVolatile(condition) || isVolatileQuery(query)) return undefined', ''],
    ['a subquery that is cut off is joined whole', 'if (limit !== undefined && !cutsNothing) return undefined', ''],
    [
      'NOT EXISTS is taken for EXISTS',
      "kind: isNegated ? 'anti' : 'semi'",
      "kind: isNegated && subquery.form !== 'exists' ? 'anti' : 'semi'",
    ],
    ['a set is made for each row of another block', '&& planner.isRepeated', '&& false'],
    [
      'a join is taken whatever it costs',
      'return askingCost(planner, left, test, rows) < cost ? undefined :',
      'return',
    ],
  ]),
  ...mutationsOf(
    'src/query/group-join.ts',
    ['src/query/spilling.test.ts'],
    [
      ['a row found by two keys comes twice', 'if (match.inner === this.#last) continue\n', ''],
      ['rows found by several keys come in the order of the keys', '.sort((a, b) => a.number - b.number)', ''],
      ['a table of inner rows is never given back', '    this.#table = new Map()\n    this.#memory.releaseAll()\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/lookup.ts',
    ['src/gateway/mongodb/lookup.test.ts'],
    [
      [
        'a table finds arrays as a whole only',
        "visitPath(document.bytes, document.start, path, 'elements and array'",
        "visitPath(document.bytes, document.start, path, 'array only'",
      ],
      ['$lookup never makes a table', 'return this.#spent >= this.#tableCost', 'return false'],
      [
        'a stage that reads a variable is run once',
        'const common = lookup.fields !== undefined ? 0 : first < 0 ? stages.length : first',
        'const common = lookup.fields !== undefined ? 0 : stages.length',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/mql/planner.ts',
    ['src/language/mql/query.test.ts'],
    [['null is not undefined', 'const values = withUndefined(equality.values)', 'const values = equality.values']],
  ),
  ...mutationsOf(
    'src/query/packed-rows.ts',
    ['src/query/packed-rows.test.ts'],
    [
      ['a block that was read stays held', 'this.#memory.release(block.heldBytes)\n  }\n\n  /** All', '}\n\n  /** All'],
      [
        'the rows that filled no block are lost',
        'if (block === undefined) return this.#openRows()',
        'if (block === undefined) return undefined',
      ],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/statement/held-rows.ts',
    ['src/language/sql/statement/held-rows.test.ts'],
    [
      [
        'a row that had to wait is left out',
        'row.concat(compute(row, run))\n        at++',
        'row.concat((at++, compute(row, run)))',
      ],
    ],
  ),
  ...mutationsOf('src/language/sql/plan/factored-conditions.ts', reached, [
    ['alternatives have in common what only two of them say', 'others.every(', 'others.some('],
  ]),
  ...mutationsOf('src/language/sql/plan/push-down.ts', reached, [
    [
      'a condition goes past LIMIT',
      "body.kind === 'values' || body.tail.limit !== undefined",
      "body.kind === 'values'",
    ],
    ['a condition on an aggregate goes below the grouping', 'grouping.keys[target.index]', 'grouping.keys[0]'],
    ['a condition goes below DISTINCT ON', ' || distinctOn !== undefined', ''],
    ['a condition goes to one side of a set', 'right: right.with(all)', 'right: body.right'],
    ['a WITH query is made for each of its readers', 'item.readers.count !== 1', 'item.readers.count === 0'],
  ]),
  ...mutationsOf('src/language/sql/plan/extremes.ts', reached, [
    ['the largest value is a null', 'isNotNull ? conditions : [...conditions, present]', 'conditions'],
    ['nothing has no null', '?? null)', ')'],
  ]),
  ...mutationsOf('src/language/sql/plan/alternatives.ts', reached, [
    [
      'a row that two indexes find is there twice',
      'new Distinct(new Concatenate(scans.map((scan) => scan.open(run))), key, sqlRows)',
      'new Concatenate(scans.map((scan) => scan.open(run)))',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/text-prefix.ts', reached, [
    ['an underscore stands for itself', "character === '%' || character === '_'", "character === '%'"],
  ]),
  ...mutationsOf('src/language/sql/plan/members.ts', reached, [
    [
      'a value that comes twice finds its rows twice',
      'node: distinct(planner.planQuery(members), types)',
      'node: planner.planQuery(members)',
    ],
  ]),
  ...mutationsOf(
    'src/base/decimal.ts',
    ['src/base/decimal.test.ts'],
    [
      ['a sum of decimals is rounded', 'if (isSafe(a) && isSafe(b) && isSafe(sum))', 'if (isSafe(a) && isSafe(b))'],
      [
        'decimals of two scales are compared as they stand',
        'const b = other.smallAt(this.scale)\n    if (isSafe(a) && isSafe(b)) return a < b',
        'const b = other.small\n    if (isSafe(a) && isSafe(b)) return a < b',
      ],
      ['a product of decimals is rounded', 'if (isSafe(product))', 'if (product === product)'],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/types/hash-key.ts',
    ['src/language/sql/types/hash-key.test.ts'],
    [
      ['pairs of large integers share keys', 'a < firstOfPair && a >= -firstOfPair', 'a === a'],
      ['decimals of many digits share keys', 'const digitsOfDouble = 1e15', 'const digitsOfDouble = 1e17'],
    ],
  ),
  ...mutationsOf(
    'src/query/ranked-rows.ts',
    ['src/query/ranked-rows.test.ts'],
    [
      ['equal rows change places', 'items[places[right]!]!) <= 0', 'items[places[right]!]!) < 0'],
      ['a wanted row is beyond', 'this.#order(last, item) <= 0', 'last.rank <= item.rank'],
      ['a step of dear comparisons is long', 'if (isTurnOver()) until = out + 1', ''],
    ],
  ),
  ...mutationsOf(
    'src/language/sql/plan/row-ranks.ts',
    ['src/language/sql/plan/row-ranks.test.ts'],
    [
      ['a second column outranks the first one', 'const rooms = 2 ** 32', 'const rooms = 2 ** 31'],
      ['surrogates rank as units', 'unit + 0x2000 : unit - 0x800', 'unit : unit'],
      ['zeros rank by their sign', 'float[0] = value + 0', 'float[0] = value'],
    ],
  ),
  ...mutationsOf('src/language/sql/plan/implied-conditions.ts', joins, [
    [
      'an OR says something of an item that one alternative does not name',
      'return parts.every((one) => one !== undefined) ? [{ ...condition, arguments: parts }] : []',
      'return parts.some((one) => one !== undefined) ? [{ ...condition, arguments: parts.filter((one) => one !== undefined) }] : []',
    ],
  ]),
  ...mutationsOf('src/language/sql/plan/join-tree.ts', joins, [
    ['subqueries are asked before all joins', 'return rows < estimateItem', 'return rows < 0 * estimateItem'],
  ]),
  ...mutationsOf('src/language/sql/plan/sampled-conditions.ts', joins, [
    ['conditions on a sample are assumed', 'share === undefined ? restShareOf(rest)', 'true ? restShareOf(rest)'],
  ]),
  ...mutationsOf('src/language/sql/plan/measures.ts', joins, [
    ['what no row of a sample fulfils no row does', 'const foundOfNone = 0.5', 'const foundOfNone = 60'],
  ]),
  ...mutationsOf(
    'src/language/sql/plan/join-estimates.ts',
    ['src/language/sql/wide-plans.test.ts'],
    [['a join within joins is estimated at each of their levels', 'return conditions.length > 0\n', 'return true\n']],
  ),
  ...mutationsOf('src/language/sql/plan/join-estimates.ts', joins, [
    [
      'columns of one index have nothing to do with each other',
      'return Math.max(share, leastShareOf(planner, right, pairs))',
      'return share',
    ],
  ]),
  ...mutationsOf('src/query/cardinality.ts', joins, [
    ['every value of a column is taken for another', 'if (times === 1) once++', 'once++'],
  ]),
  ...mutationsOf('src/language/sql/plan/unread-parts.ts', joins, [
    ['what draws is left out where nothing reads it', 'isVolatile(one) || hasSets', 'hasSets'],
    ['a key that is read is null', 'i < grouping.written || read.has(i)', 'i < grouping.written'],
  ]),
  ...mutationsOf(
    'src/language/sql/functions/pattern.ts',
    ['src/language/sql/functions/like.test.ts'],
    [['what stands before may reach into the end', 'return at <= end', 'return true']],
  ),
  ...mutationsOf(
    'src/model/table/codec.ts',
    ['src/model/table/codec.test.ts'],
    [['a null is read as a value', 'if (bytes[at] !== 0) return true', '']],
  ),
  ...mutationsOf(
    'src/language/sql/plan/equal-columns.ts',
    ['src/language/sql/equal-columns.test.ts'],
    [
      ['each pair of equal columns is tested', 'if (seen.has(found)) return false', ''],
      ['no equality is derived', 'if (known.has(pairOf(a.index, b.index))) return []', 'return []'],
      ['of two classes that meet one is lost', 'joined.stated.push(...stated)', 'joined.stated.push()'],
    ],
  ),
  ...mutationsOf(
    'src/query/hash-join.ts',
    ['src/query/operators.test.ts', 'src/language/sql/semi-joins.test.ts'],
    [
      [
        'one key says nothing of NOT EXISTS',
        'this.#matched = this.#needsOne && this.#candidates.length > 0',
        'this.#matched = false',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/table/entry-reader.ts',
    ['src/language/sql/index-only.test.ts'],
    [
      [
        'a negative number of an entry is read as it stands',
        'value * 256 + (bytes[at + i]! ^ 0xff)',
        'value * 256 + bytes[at + i]!',
      ],
      ['a descending element is read as it stands', ' || isDescending) break', ') break'],
      ['what no entry has is read from one', 'if (wanted.size > 0) return undefined\n', ''],
      ['a null of an entry is read as a value', 'const value = isNull ? null : read', 'const value = read'],
    ],
  ),
]
