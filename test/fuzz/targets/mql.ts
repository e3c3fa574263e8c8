/** MongoDB's filters, updates, expressions and pipelines by a grammar, over a few documents. */
import { BSON, type Document } from 'bson'
import { PolylogError } from '../../../src/base/errors.ts'
import { toItsEnd } from '../../../src/base/work.ts'
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { compileFilter } from '../../../src/language/mql/filter.ts'
import { compileUpdate } from '../../../src/language/mql/update.ts'
import { elementsOf, getField } from '../../../src/model/document/bson.ts'
import { validateDocument } from '../../../src/model/document/validate.ts'
import { documentOf } from '../../documents/any-document.ts'
import { Choices } from '../choices.ts'
import { refusing, type Target } from '../target.ts'
import { randomChoices } from './sql.ts'

const { BSONRegExp, Decimal128, Double, Int32, Long, MaxKey, MinKey, ObjectId, Timestamp } = BSON

const names = [
  'a',
  'b',
  '_id',
  'a.b',
  'a.0',
  'a.$',
  'a.$[]',
  'a.$[x].b',
  'c.d.e',
  '',
  '$x',
  '__proto__',
  'constructor',
  'b.length',
  'a..b',
  '0',
]

const scalars: readonly (() => unknown)[] = [
  () => new Int32(1),
  () => new Int32(0),
  () => null,
  () => 'x',
  () => '$a',
  () => '$$ROOT.b',
  () => new Int32(-1),
  () => new Int32(2_147_483_647),
  () => Long.fromString('9007199254740993'),
  () => Long.fromString('-9223372036854775808'),
  () => new Double(1.5),
  () => new Double(NaN),
  () => new Double(-0),
  () => Decimal128.fromString('1E+6111'),
  () => Decimal128.fromString('NaN'),
  () => true,
  () => new Date(0),
  () => new Date(8.64e15),
  () => new ObjectId(new Uint8Array(12)),
  () => new BSONRegExp('^x|(y+)+$', 'i'),
  () => new Timestamp({ t: 1, i: 1 }),
  () => new MinKey(),
  () => new MaxKey(),
  () => Buffer.from('bytes'),
  () => '',
]

const filterOperators =
  '$eq $ne $gt $gte $lt $lte $in $nin $not $exists $type $all $size $elemMatch $mod $regex $options $bitsAllSet $bitsAnyClear $expr $jsonSchema $where $near'.split(
    ' ',
  )
const logical = ['$and', '$or', '$nor']
const updateOperators =
  '$set $unset $inc $mul $min $max $rename $push $pull $pullAll $pop $addToSet $bit $currentDate $setOnInsert'.split(
    ' ',
  )
const pushWords = ['$each', '$slice', '$sort', '$position']
const expressionOperators =
  '$add $subtract $multiply $divide $mod $abs $ceil $round $trunc $pow $sqrt $log $concat $substr $substrCP $toUpper $split $indexOfCP $strLenBytes $trim $regexMatch $regexFindAll $replaceAll $cond $ifNull $switch $eq $cmp $gt $and $or $not $in $size $slice $filter $map $reduce $concatArrays $arrayElemAt $range $reverseArray $zip $setUnion $mergeObjects $objectToArray $arrayToObject $getField $setField $type $convert $toString $toInt $toLong $toDecimal $toDate $dateToString $dateFromString $dateAdd $dateDiff $dateTrunc $year $dayOfWeek $let $literal $sum $avg $max $sortArray $function $bitAnd $toObjectId'.split(
    ' ',
  )

class Mql {
  readonly #choices: Choices

  constructor(choices: Choices) {
    this.#choices = choices
  }

  value(): unknown {
    return this.#choices.way<unknown>([
      () => this.#choices.of(scalars)(),
      () => this.#choices.of(scalars)(),
      () => this.#choices.some(3, () => this.value()),
      () => this.fields(() => this.value()),
    ])
  }

  fields(make: () => unknown, words: readonly string[] = names, most = 3): Document {
    return Object.fromEntries(this.#choices.some(most, () => [this.#choices.of(words), make()]))
  }

  filter(): Document {
    return this.#choices.way<Document>([
      () => this.fields(() => this.value()),
      () => this.fields(() => this.condition()),
      () => ({ [this.#choices.of(logical)]: this.#choices.some(3, () => this.filter(), 1) }),
      () => ({ $expr: this.expression() }),
      () => this.fields(() => this.value(), [...names, ...logical, '$expr', '$comment', '$text', '$where']),
    ])
  }

  condition(): unknown {
    return this.#choices.way<unknown>([
      () => this.value(),
      () => this.fields(() => this.value(), filterOperators),
      () => ({ [this.#choices.of(filterOperators)]: this.#choices.some(3, () => this.value()) }),
      () => ({ $elemMatch: this.filter() }),
      () => ({ $not: this.condition() }),
    ])
  }

  update(): Document | Document[] {
    return this.#choices.way<Document | Document[]>([
      () => this.fields(() => this.value()),
      () => this.fields(() => this.fields(() => this.value()), updateOperators),
      () => this.fields(() => this.fields(() => this.value()), updateOperators),
      () => ({ $push: { [this.#choices.of(names)]: this.fields(() => this.value(), pushWords, 4) } }),
      () => ({ $pull: this.fields(() => this.condition()) }),
      () =>
        this.#choices.some(
          3,
          () => this.fields(() => this.fields(() => this.expression()), ['$set', '$unset', '$replaceWith', '$project']),
          1,
        ),
    ])
  }

  expression(): unknown {
    return this.#choices.way<unknown>([
      () => this.value(),
      () => ({ [this.#choices.of(expressionOperators)]: this.expression() }),
      () => ({ [this.#choices.of(expressionOperators)]: this.#choices.some(3, () => this.expression()) }),
      () => ({ [this.#choices.of(expressionOperators)]: this.#named() }),
    ])
  }

  /** The operands of operators that name them. */
  #named(): Document {
    const words = [
      'input',
      'in',
      'as',
      'cond',
      'if',
      'then',
      'else',
      'to',
      'onError',
      'initialValue',
      'date',
      'unit',
      'format',
      'regex',
      'field',
      'value',
      'vars',
      'branches',
      'default',
      'find',
      'replacement',
      'amount',
      'startDate',
      'timezone',
      'sortBy',
    ]
    return this.fields(() => this.expression(), words, 5)
  }
}

const documents = [
  {},
  { _id: 1, a: [1, { b: 'x' }, [2, 3], null], b: 'xyz', c: { d: { e: 1.5 } } },
  { _id: 'x', a: { b: [{ c: 1 }, { c: 2 }], 0: 'zero' }, b: Long.fromString('9007199254740993'), ['__proto__']: 1 },
].map((document) => documentOf(document))

function check({ bytes, start, end }: { bytes: Uint8Array; start: number; end: number }): void {
  validateDocument(bytes, start, end, 300)
}

function runAll(mql: Mql): void {
  const variables = new Map()
  const filter = refusing(() => compileFilter(documentOf(mql.filter()), variables), PolylogError)
  for (const document of documents) refusing(() => filter?.matches(document), PolylogError)
  const wrapped = documentOf({ change: mql.update(), arrayFilters: mql.fields(() => mql.filter(), ['0', '1'], 1) })
  const change = getField(wrapped, 'change')!
  const arrayFilters = elementsOf(getField(wrapped, 'arrayFilters')!)
  const update = refusing(() => compileUpdate({ update: change, arrayFilters, variables }), PolylogError)
  if (update === undefined) return
  const anything = compileFilter(documentOf({}), variables)
  for (const document of documents) {
    const clock = { timeMs: 1234 }
    const application = { filter: filter ?? anything, isInsert: false, clock }
    const changed = refusing(() => update.apply(document, application), PolylogError)
    if (changed !== undefined) check(changed)
  }
}

export const mqlTarget: Target = {
  name: 'mql',
  title: 'filters, updates and expressions of MongoDB by a grammar',
  mostBytes: 128,
  steps: { fixed: 200_000, perByte: 10_000 },
  open() {
    const random = new SeededRandom(3)
    return Promise.resolve({
      seeds: Array.from({ length: 40 }, () => randomChoices(random)),
      words: [],
      generate: randomChoices,
      run: (input: Uint8Array) => toItsEnd(() => runAll(new Mql(new Choices(input)))),
    })
  },
}

const stages =
  '$match $project $addFields $unset $unwind $group $sort $limit $skip $count $replaceRoot $sortByCount $bucket $facet $lookup $unionWith $sample $redact $set $bucketAuto $setWindowFields $out $merge $documents'.split(
    ' ',
  )

/** A command for the whole door, as a document. */
export function commandOf(input: Uint8Array): Document {
  const choices = new Choices(input)
  const mql = new Mql(choices)
  const pipeline = (): unknown[] =>
    choices.some(4, () => ({
      [choices.of(stages)]: choices.way<unknown>([
        () => mql.value(),
        () => mql.filter(),
        () => mql.fields(() => mql.expression()),
        () => ({
          _id: mql.expression(),
          n: { [choices.of(['$sum', '$push', '$first', '$addToSet', '$top'])]: mql.expression() },
        }),
        () => ({
          from: 'things',
          localField: 'a',
          foreignField: 'b',
          as: 'c',
          ...mql.fields(() => mql.value(), ['let', 'pipeline']),
        }),
      ]),
    }))
  const command = choices.way<Document>([
    () => ({
      find: 'things',
      filter: mql.filter(),
      ...mql.fields(() => mql.value(), ['sort', 'projection', 'limit', 'skip', 'hint', 'batchSize', 'collation']),
    }),
    () => ({ aggregate: 'things', pipeline: pipeline(), cursor: mql.fields(() => mql.value(), ['batchSize'], 1) }),
    () => ({ insert: 'things', documents: choices.some(3, () => mql.fields(() => mql.value()), 1) }),
    () => ({
      update: 'things',
      updates: [
        { q: mql.filter(), u: mql.update(), ...mql.fields(() => mql.value(), ['upsert', 'multi', 'arrayFilters']) },
      ],
    }),
    () => ({ delete: 'things', deletes: [{ q: mql.filter(), limit: choices.below(3) }] }),
    () => ({
      findAndModify: 'things',
      query: mql.filter(),
      ...mql.fields(() => mql.update(), ['update', 'remove', 'fields', 'new', 'upsert']),
    }),
    () => ({
      createIndexes: 'things',
      indexes: [
        {
          key: mql.fields(() => mql.value()),
          name: 'n',
          ...mql.fields(() => mql.value(), ['unique', 'sparse', 'expireAfterSeconds', 'partialFilterExpression']),
        },
      ],
    }),
    () => ({
      [choices.of([
        'count',
        'distinct',
        'drop',
        'listCollections',
        'getMore',
        'killCursors',
        'hello',
        'saslStart',
        'saslContinue',
        'explain',
        'collMod',
        'create',
        '__proto__',
        'listIndexes',
        'endSessions',
        'commitTransaction',
      ])]: mql.value(),
      ...mql.fields(
        () => mql.value(),
        [
          'query',
          'key',
          'collection',
          'cursors',
          'payload',
          'mechanism',
          'lsid',
          'txnNumber',
          'autocommit',
          'startTransaction',
        ],
      ),
    }),
  ])
  return { ...command, $db: choices.of(['test', 'polylog', '', 'a.b', '__proto__', 'admin']) }
}
