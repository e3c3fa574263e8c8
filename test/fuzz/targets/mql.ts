/** MongoDB's filters, updates, expressions and projections by a grammar, over a few documents. */
import { BSON, serialize, type Document } from 'bson'
import { PolylogError } from '../../../src/base/errors.ts'
import { toItsEnd } from '../../../src/base/work.ts'
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { compileFilter } from '../../../src/language/mql/filter.ts'
import { compileProjection } from '../../../src/language/mql/projection.ts'
import { compileUpdate } from '../../../src/language/mql/update.ts'
import { documentValue, elementsOf, getField, type BsonValue } from '../../../src/model/document/bson.ts'
import { validateDocument } from '../../../src/model/document/validate.ts'
import { Choices } from '../choices.ts'
import { Mql } from '../grammars/mql.ts'
import { randomChoices } from '../grammars/sql.ts'
import { refusing, type Target } from '../target.ts'

const { Long } = BSON

const documentOf = (document: Document): BsonValue => documentValue(serialize(document))

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

function projectAll(mql: Mql): void {
  const specification = documentOf({ x: mql.expression(), ...mql.fields(() => mql.expression()) })
  const project = refusing(() => compileProjection(specification, new Map()), PolylogError)
  for (const document of documents) {
    const projected = refusing(() => project?.(document), PolylogError)
    if (projected !== undefined) check(projected)
  }
}

export const mqlTarget: Target = {
  name: 'mql',
  title: 'filters, updates and expressions of MongoDB by a grammar',
  mostBytes: 128,
  steps: { fixed: 200_000, perByte: 10_000 },
  share: 0.2,
  open() {
    const random = new SeededRandom(3)
    return Promise.resolve({
      seeds: Array.from({ length: 40 }, () => randomChoices(random)),
      words: [],
      generate: randomChoices,
      run: (input: Uint8Array) =>
        toItsEnd(() => {
          const mql = new Mql(new Choices(input))
          runAll(mql)
          projectAll(mql)
        }),
    })
  },
}
