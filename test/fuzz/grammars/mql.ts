/** What clients of MongoDB write: filters, updates, expressions, pipelines, and the commands that hold them. */
import { BSON, type Document } from 'bson'
import { commands } from '../../../src/gateway/mongodb/commands/commands.ts'
import { expressionOperators } from '../../../src/language/mql/expression.ts'
import { queryOperators } from '../../../src/language/mql/filter-operators.ts'
import { windowFunctionNames } from '../../../src/language/mql/window-functions.ts'
import { accumulators, otherAccumulators, pickers } from '../../../src/language/mql/accumulators.ts'
import { stageNames } from '../../../src/language/mql/pipeline.ts'
import { arrayChanges } from '../../../src/language/mql/update-arrays.ts'
import { fieldChanges } from '../../../src/language/mql/update-operators.ts'
import type { Choices } from '../choices.ts'

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

const filterOperators = [...queryOperators.keys(), '$options', '$expr', '$jsonSchema', '$where', '$near', '$comment']
const logical = ['$and', '$or', '$nor']
const scripts = [
  'this.a > 1',
  'this.a',
  'obj',
  'return this.b === undefined',
  'function() { return this }',
  'function(x) { return x }',
  'function(x, y) { return [x, y, { x, y }] }',
  'function() { return [] }',
  'function(state, x) { state.push(x); return state }',
  'function(state, x) { return { ...state, [x]: x } }',
  '(x) => x.b.c.d',
  'x => ({ __proto__: x, "a.b": undefined, $c: -0 })',
  'function() { throw { a: 1 } }',
  'function() { for (let i = 0; i < 1e4; i++); return NumberLong("9223372036854775807") }',
  'function() { return [new Date(1e20), /a/g, ObjectId(), Symbol, BinData(2, "AAAA"), NumberDecimal("x")] }',
  'function f() { return f() }',
  'function(x) { const a = [x]; a.push(a); return a }',
  'function( {',
  '',
  7,
]
const updateOperators = [...fieldChanges.keys(), ...arrayChanges.keys(), '$rename', '$nope']
const pushWords = ['$each', '$slice', '$sort', '$position']
const operators = [...expressionOperators.keys(), ...accumulators.keys(), ...pickers.keys(), '$rand', '$nope']
const groupOperators = [...accumulators.keys(), ...pickers.keys(), ...otherAccumulators, '$accumulator']

export class Mql {
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
      () => ({ $where: this.script() }),
    ])
  }

  /** None of them is long: a server of tests runs them on its own thread. */
  script(): unknown {
    return this.#choices.of<unknown>(scripts)
  }

  scriptCall(): Document {
    return {
      body: this.script(),
      args: this.#choices.way<unknown>([() => this.expression(), () => this.#choices.some(3, () => this.expression())]),
      lang: this.#choices.of(['js', 'js', 'js', 'lua']),
    }
  }

  gathering(): Document {
    return {
      init: this.script(),
      initArgs: this.#choices.some(2, () => this.expression()),
      accumulate: this.script(),
      accumulateArgs: this.scriptCall()['args'] as unknown,
      merge: this.script(),
      ...(this.#choices.of([true, false]) && { finalize: this.script() }),
      lang: 'js',
    }
  }

  condition(): unknown {
    return this.#choices.way<unknown>([
      () => this.value(),
      () => this.fields(() => this.value(), filterOperators),
      () => ({ [this.#choices.of(filterOperators)]: this.#choices.some(3, () => this.value()) }),
      () => ({ $elemMatch: this.filter() }),
      () => this.geometryCondition(),
      () => ({ $not: this.condition() }),
    ])
  }

  /** Of a geometry that is one, as a rule. */
  geometryCondition(): Document {
    const { position, geometry } = this
    return this.#choices.way<Document>([
      () => ({ $geoWithin: { $geometry: geometry() } }),
      () => ({ $geoIntersects: { $geometry: geometry() } }),
      () => ({ [this.#choices.of(['$near', '$nearSphere'])]: { $geometry: geometry(), $maxDistance: this.value() } }),
      () => ({ $nearSphere: position(), $maxDistance: this.value() }),
      () => ({ $geoWithin: { [this.#choices.of(['$center', '$centerSphere'])]: [position(), 0.5] } }),
      () => ({ $geoWithin: { [this.#choices.of(['$box', '$polygon'])]: this.#choices.some(4, position) } }),
    ])
  }

  readonly position = (): unknown[] => {
    const number = (): number => this.#choices.of([0, 1, -1, 45, 90, -180, 180, 1e-9, 181, NaN])
    return this.#choices.some(3, number, 2)
  }

  readonly geometry = (): Document => {
    const list = (): unknown[] => this.#choices.some(5, this.position)
    return this.#choices.way<Document>([
      () => ({ type: 'Point', coordinates: this.position() }),
      () => ({ type: this.#choices.of(['LineString', 'MultiPoint']), coordinates: list() }),
      () => {
        const loop = list()
        return { type: 'Polygon', coordinates: [[...loop, loop[0]]] }
      },
      () => ({ type: 'GeometryCollection', geometries: this.#choices.some(2, this.geometry) }),
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
      () => ({ [this.#choices.of(operators)]: this.expression() }),
      () => ({ [this.#choices.of(operators)]: this.#choices.some(3, () => this.expression()) }),
      () => ({ [this.#choices.of(operators)]: this.#named() }),
      () => ({ $function: this.scriptCall() }),
    ])
  }

  /** An operator that names its operands, with those that it needs, as a rule. */
  #named(): Document {
    const [name, words] = this.#choices.of(named)
    if (this.#choices.below(4) === 1) return { [name]: this.fields(() => this.expression(), namedWords, 5) }
    const parts = words.map((word): [string, unknown] => [word, this.#operand(word)])
    if (this.#choices.below(4) === 1) parts.pop()
    return { [name]: Object.fromEntries(parts) }
  }

  #operand(word: string): unknown {
    const choices = this.#choices
    const texts = textsOfOperands[word]
    if (texts !== undefined && choices.below(3) > 0) return choices.of(texts)
    if (word === 'branches') return choices.some(2, () => ({ case: this.expression(), then: this.expression() }), 1)
    if (word === 'vars') return this.fields(() => this.expression(), ['v', 'x', '$v', 'V'])
    if (word === 'inputs') return choices.some(3, () => this.expression())
    return this.expression()
  }

  /** What a group makes of a field. */
  accumulation(): Document {
    const operator = this.#choices.of(groupOperators)
    if (operator === '$accumulator') return { $accumulator: this.gathering() }
    const operand = operator.endsWith('N') ? { input: this.expression(), n: this.value() } : this.expression()
    return { [operator]: operand }
  }

  pipeline(): unknown[] {
    return this.#choices.some(4, () => this.#stage())
  }

  #stage(): Document {
    const choices = this.#choices
    return choices.way<Document>([
      () => ({ [choices.of(stages)]: this.value() }),
      () => ({ $match: this.filter() }),
      () => ({
        $geoNear: { near: this.geometry(), distanceField: 'd', ...this.fields(() => this.value(), ['key', 'query']) },
      }),
      () => ({ [choices.of(['$project', '$addFields', '$set'])]: this.fields(() => this.expression()) }),
      () => ({ $group: { _id: this.expression(), n: this.accumulation(), m: this.accumulation() } }),
      () => ({ $sort: this.fields(() => choices.of([1, -1, 0, 'x', { $meta: 'textScore' }])) }),
      () => ({ [choices.of(['$limit', '$skip'])]: choices.of(scalars)() }),
      () => ({
        $unwind: choices.of([
          '$a',
          '$c.d',
          'a',
          '$',
          { path: '$a', includeArrayIndex: 'i', preserveNullAndEmptyArrays: true },
        ]),
      }),
      () => ({ [choices.of(['$replaceRoot', '$replaceWith'])]: { newRoot: this.expression() } }),
      () => ({ $replaceWith: this.expression() }),
      () => ({ [choices.of(['$sortByCount', '$count', '$unset', '$redact'])]: this.expression() }),
      () => ({
        $bucket: {
          groupBy: this.expression(),
          boundaries: choices.some(3, () => choices.of(scalars)()),
          ...this.fields(() => this.expression(), ['default', 'output']),
        },
      }),
      () => ({ $facet: this.fields(() => this.pipeline(), ['x', 'y', 'a.b', '$x']) }),
      () => ({
        $lookup: {
          from: 'things',
          localField: choices.of(names),
          foreignField: choices.of(names),
          as: choices.of(names),
        },
      }),
      () => ({
        $graphLookup: {
          from: choices.of(['things', 'nope']),
          startWith: this.expression(),
          connectFromField: choices.of(names),
          connectToField: choices.of(names),
          as: choices.of(names),
          ...this.fields(() => this.value(), ['maxDepth', 'depthField', 'restrictSearchWithMatch']),
        },
      }),
      () => ({
        $setWindowFields: {
          ...this.fields(() => this.expression(), ['partitionBy']),
          sortBy: choices.of([{ a: 1 }, { 'b.c': -1 }, { a: 1, b: 1 }, {}]),
          output: this.fields(
            () => ({
              [choices.of(windowOperators)]: this.expression(),
              ...choices.of([{}, { window: this.window() }]),
            }),
            ['w', 'a.b'],
          ),
        },
      }),
      () => ({
        [choices.of(['$fill', '$densify', '$bucketAuto'])]: {
          ...this.fields(() => this.expression(), ['field', 'groupBy', 'partitionBy']),
          ...choices.of([{}, { partitionByFields: ['b'] }]),
          ...choices.of([
            { buckets: 3 },
            { sortBy: { a: 1 }, output: { a: { method: choices.of(['linear', 'locf']) } } },
          ]),
          range: { step: choices.of([1, 0.5, 1e-9, -1]), bounds: choices.of(['full', 'partition', [1, 9], 'x']) },
        },
      }),
      () => ({
        $lookup: {
          from: choices.of(['things', 'nope', 't', '']),
          let: this.fields(() => this.expression(), ['v', 'x', 'V']),
          pipeline: this.pipeline(),
          as: choices.of(names),
        },
      }),
    ])
  }

  window(): unknown {
    const edge = (): unknown => this.#choices.of(['unbounded', 'current', 0, -1, 2, 0.5, 'x'])
    return { [this.#choices.of(['documents', 'range'])]: [edge(), edge()], ...this.#choices.of([{}, { unit: 'day' }]) }
  }
}

const windowOperators = [...groupOperators, ...windowFunctionNames]

/** Operators by the names of their operands. */
const named: readonly (readonly [string, readonly string[]])[] = [
  ['$cond', ['if', 'then', 'else']],
  ['$switch', ['branches', 'default']],
  ['$filter', ['input', 'cond', 'as', 'limit']],
  ['$map', ['input', 'in', 'as']],
  ['$reduce', ['input', 'initialValue', 'in']],
  ['$zip', ['inputs', 'useLongestLength', 'defaults']],
  ['$let', ['vars', 'in']],
  ['$sortArray', ['input', 'sortBy']],
  ['$getField', ['field', 'input']],
  ['$setField', ['field', 'input', 'value']],
  ['$unsetField', ['field', 'input']],
  ['$convert', ['input', 'to', 'onError', 'onNull']],
  ['$trim', ['input', 'chars']],
  ['$ltrim', ['input', 'chars']],
  ['$regexMatch', ['input', 'regex', 'options']],
  ['$regexFind', ['input', 'regex', 'options']],
  ['$regexFindAll', ['input', 'regex', 'options']],
  ['$replaceOne', ['input', 'find', 'replacement']],
  ['$replaceAll', ['input', 'find', 'replacement']],
  ['$firstN', ['input', 'n']],
  ['$maxN', ['input', 'n']],
  ['$dateToString', ['date', 'format', 'timezone', 'onNull']],
  ['$dateFromString', ['dateString', 'format', 'timezone', 'onError']],
  ['$dateToParts', ['date', 'timezone', 'iso8601']],
  ['$dateFromParts', ['year', 'month', 'day', 'hour', 'minute', 'second', 'millisecond', 'timezone']],
  ['$dateFromParts', ['isoWeekYear', 'isoWeek', 'isoDayOfWeek']],
  ['$dateAdd', ['startDate', 'unit', 'amount', 'timezone']],
  ['$dateSubtract', ['startDate', 'unit', 'amount', 'timezone']],
  ['$dateDiff', ['startDate', 'endDate', 'unit', 'timezone', 'startOfWeek']],
  ['$dateTrunc', ['date', 'unit', 'binSize', 'timezone', 'startOfWeek']],
  ['$year', ['date', 'timezone']],
  ['$isoWeek', ['date', 'timezone']],
]

const namedWords = [...new Set(named.flatMap(([, words]) => words))]

const dates = ['2024-02-29T12:00:00Z', '$$NOW', new Date(-1), new Date(8.64e15), new Date(NaN), 'Feb 30']

const textsOfOperands: Readonly<Record<string, readonly unknown[]>> = {
  as: ['v', 'x', '', 'V', '$v'],
  to: ['int', 'long', 'string', 'decimal', 'date', 'objectId', 'bool', 'double', 'nope', 1],
  unit: ['year', 'quarter', 'week', 'month', 'day', 'hour', 'millisecond', 'nope'],
  format: ['%Y-%m-%dT%H:%M:%S.%LZ', '%G-%V-%u', '%', '%q', '%j %z %Z %%', '%d/%m/%Y'],
  timezone: ['UTC', '+05:30', 'Europe/Berlin', 'Nope/Nope', '-99:99', '__proto__'],
  date: dates,
  dateString: dates,
  startDate: dates,
  endDate: dates,
  regex: ['^x', '(a+)+$', '(', '[[:alpha:]]', new BSONRegExp('x', 'is')],
  options: ['i', 'mxs', 'z', ''],
  input: ['$a', '$b', 'aXbXc', '$$ROOT', [3, 1, 2], '$$v'],
  chars: ['x', '', 'é'],
  sortBy: [1, -1, { a: 1 }, { 'b.c': -1 }],
  startOfWeek: ['monday', 'sun', 'x'],
  vars: [{ v: 1 }],
}

const stages = [...stageNames, '$sample', '$redact', '$out', '$merge', '$unionWith', '$documents', '$nope']

const commandNames = commands.map(({ name }) => name)

/** A command for the whole door, as a document. */
function readConcernOf(choices: Choices, mql: Mql): unknown {
  const times = [undefined, new Timestamp({ t: 1, i: 1 }), new Timestamp({ t: 0xffff_ffff, i: 0xffff_ffff })]
  return choices.way<unknown>([
    () => ({ level: 'snapshot' }),
    () => ({ level: 'snapshot', atClusterTime: choices.of(times) }),
    () => mql.fields(() => mql.value(), ['level', 'atClusterTime', 'afterClusterTime']),
  ])
}

export function commandOf(choices: Choices): Document {
  const mql = new Mql(choices)
  const command = choices.way<Document>([
    () => ({
      find: 'things',
      filter: mql.filter(),
      ...mql.fields(() => mql.value(), ['sort', 'projection', 'limit', 'skip', 'hint', 'batchSize', 'collation']),
    }),
    () => ({ aggregate: 'things', pipeline: mql.pipeline(), cursor: mql.fields(() => mql.value(), ['batchSize'], 1) }),
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
      [choices.of(commandNames)]: choices.of([1, 'things', 'n', mql.value()]),
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
          'user',
          'pwd',
          'roles',
          'role',
          'privileges',
          'to',
          'index',
          'pipeline',
          'getMore',
          'maxTimeMS',
          'filter',
          'nameOnly',
          'verbosity',
          'readConcern',
          'writeConcern',
          'changeStreamPreAndPostImages',
          'viewOn',
          'limit',
          'validator',
          'capped',
        ],
        6,
      ),
    }),
  ])
  return {
    ...command,
    ...(choices.below(16) === 15 && { readConcern: readConcernOf(choices, mql) }),
    $db: choices.of(['test', 'test', 'test', 'polylog', '', 'a.b', '__proto__', 'admin', 'public', 'redis']),
  }
}
