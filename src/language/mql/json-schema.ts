/**
 * `$jsonSchema`: draft 4 of JSON Schema as MongoDB has it, with `bsonType`, and without `$ref`, `format`, `default` and
 * `definitions`. Compiled to a test of a document; keywords that speak of one kind of value say nothing of others.
 */
import { bsonType, bsonTypeNames, type BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { compareValues, equalValues, keyText } from '../../model/document/order.ts'
import { isTruthy, readString, toDecimal, toDouble, toSafeInteger } from '../../model/document/values.ts'
import { compileRegexText, type ValueTest } from './filter-values.ts'

type Keywords = ReadonlyMap<string, BsonValue>
type Compile = (value: BsonValue, all: Keywords) => ValueTest

const always: ValueTest = () => true

export function compileSchema(schema: BsonValue): ValueTest {
  if (schema.type !== bsonType.object) throw wrong('$jsonSchema must be an object', mongoCode.typeMismatch)
  const all: Keywords = new Map(fieldsOf(schema))
  const tests: ValueTest[] = []
  for (const [name, value] of all) {
    const compile = keywords.get(name)
    if (compile === undefined) {
      const what = unsupported.has(name)
        ? `$jsonSchema keyword '${name}' is not currently supported`
        : `Unknown $jsonSchema keyword: ${name}`
      throw wrong(what, mongoCode.failedToParse)
    }
    tests.push(compile(value, all))
  }
  if (all.has('type') && all.has('bsonType')) {
    throw wrong("Cannot specify both $jsonSchema keywords 'type' and 'bsonType'", mongoCode.failedToParse)
  }
  return (value) => tests.every((test) => test(value))
}

const unsupported: ReadonlySet<string> = new Set(['$ref', '$schema', 'default', 'definitions', 'format', 'id'])

function wrong(message: string, code: number): Error {
  return mongoError(code, message)
}

function mustBe(name: string, isSo: boolean, what: string): void {
  if (!isSo) throw wrong(`$jsonSchema keyword '${name}' must be ${what}`, mongoCode.typeMismatch)
}

function ofNumbers(test: (value: BsonValue) => boolean): ValueTest {
  return (value) => !value.isNumber || test(value)
}

function ofTexts(test: (text: string) => boolean): ValueTest {
  return (value) => value.type !== bsonType.string || test(readString(value))
}

function ofArrays(test: (elements: BsonValue[]) => boolean): ValueTest {
  return (value) => value.type !== bsonType.array || test(elementsOf(value))
}

function ofObjects(test: (fields: [string, BsonValue][]) => boolean): ValueTest {
  return (value) => value.type !== bsonType.object || test(fieldsOf(value))
}

function countOf(name: string, value: BsonValue): number {
  const count = toSafeInteger(value)
  if (count === undefined || count < 0)
    throw wrong(`$jsonSchema keyword '${name}' must be a non-negative integer`, mongoCode.failedToParse)
  return count
}

const typeNumbers = new Map<string, readonly number[]>([...bsonTypeNames].map(([number, name]) => [name, [number]]))
typeNumbers.set('number', [bsonType.double, bsonType.int32, bsonType.int64, bsonType.decimal])

const jsonTypes: ReadonlyMap<string, readonly number[]> = new Map<string, readonly number[]>([
  ['object', [bsonType.object]],
  ['array', [bsonType.array]],
  ['string', [bsonType.string]],
  ['boolean', [bsonType.boolean]],
  ['null', [bsonType.null]],
  ['number', typeNumbers.get('number')!],
])

function typesBy(name: string, known: ReadonlyMap<string, readonly number[]>): Compile {
  return (value) => {
    const names = value.type === bsonType.array ? elementsOf(value) : [value]
    const types = new Set<number>()
    for (const one of names) {
      mustBe(name, one.type === bsonType.string, 'either a string or an array of strings')
      const text = readString(one)
      const found = known.get(text)
      if (found === undefined) throw wrong(`Unknown type name alias: ${text}`, mongoCode.badValue)
      for (const type of found) types.add(type)
    }
    return ({ type }) => types.has(type)
  }
}

function bound(name: string, exclusive: string, sign: number): Compile {
  return (value, all) => {
    mustBe(name, value.isNumber, 'a number')
    const strict = all.get(exclusive)
    const isStrict = strict !== undefined && isTruthy(strict)
    return ofNumbers((one) => {
      const difference = compareValues(one, value) * sign
      return isStrict ? difference > 0 : difference >= 0
    })
  }
}

function needs(name: string, other: string): Compile {
  return (value, all) => {
    mustBe(name, value.type === bsonType.boolean, 'a boolean')
    if (!all.has(other)) {
      throw wrong(`$jsonSchema keyword '${other}' must be a present if ${name} is present`, mongoCode.failedToParse)
    }
    return always
  }
}

const multipleOf: Compile = (value) => {
  mustBe('multipleOf', value.isNumber, 'a number')
  const by = toDecimal(value)
  if (!(toDouble(value) > 0))
    throw wrong("$jsonSchema keyword 'multipleOf' must have a positive value", mongoCode.failedToParse)
  return ofNumbers((one) => {
    const number = toDecimal(one)
    if (!number.isFinite) return false
    const scale = Math.max(number.scale, by.scale)
    return number.coefficientAt(scale) % by.coefficientAt(scale) === 0n
  })
}

function schemasOf(name: string, value: BsonValue): ValueTest[] {
  mustBe(name, value.type === bsonType.array, 'an array of schemas')
  const schemas = elementsOf(value)
  if (schemas.length === 0) throw wrong(`$jsonSchema keyword '${name}' must be a non-empty array`, mongoCode.badValue)
  return schemas.map(compileSchema)
}

function namedSchemas(name: string, value: BsonValue): [string, ValueTest][] {
  mustBe(name, value.type === bsonType.object, 'an object')
  return fieldsOf(value).map(([field, schema]) => [field, compileSchema(schema)])
}

function namesOf(name: string, value: BsonValue): string[] {
  mustBe(name, value.type === bsonType.array, 'an array')
  const names = elementsOf(value).map((one) => {
    mustBe(name, one.type === bsonType.string, 'an array of strings')
    return readString(one)
  })
  if (names.length === 0) throw wrong(`$jsonSchema keyword '${name}' cannot be an empty array`, mongoCode.failedToParse)
  return names
}

const properties: Compile = (value) => {
  const schemas = new Map(namedSchemas('properties', value))
  return ofObjects((fields) => fields.every(([name, field]) => schemas.get(name)?.(field) ?? true))
}

function patternsOf(value: BsonValue): [(text: string) => boolean, ValueTest][] {
  return namedSchemas('patternProperties', value).map(([pattern, test]) => [compileRegexText(pattern), test])
}

const patternProperties: Compile = (value) => {
  const patterns = patternsOf(value)
  return ofObjects((fields) =>
    fields.every(([name, field]) => patterns.every(([matches, test]) => !matches(name) || test(field))),
  )
}

const additionalProperties: Compile = (value, all) => {
  const isSchema = value.type === bsonType.object
  mustBe('additionalProperties', isSchema || value.type === bsonType.boolean, 'either an object or a boolean')
  if (!isSchema && isTruthy(value)) return always
  const test = isSchema ? compileSchema(value) : (): boolean => false
  const given = all.get('properties')
  const known = new Set(given?.type === bsonType.object ? fieldsOf(given).map(([name]) => name) : [])
  const patternsGiven = all.get('patternProperties')
  const patterns = patternsGiven === undefined ? [] : patternsOf(patternsGiven)
  return ofObjects((fields) =>
    fields.every(([name, field]) => known.has(name) || patterns.some(([matches]) => matches(name)) || test(field)),
  )
}

const dependencies: Compile = (value) => {
  mustBe('dependencies', value.type === bsonType.object, 'an object')
  const rules = fieldsOf(value).map(
    ([name, rule]): [string, (fields: Map<string, BsonValue>, whole: BsonValue) => boolean] => {
      if (rule.type === bsonType.object) {
        const test = compileSchema(rule)
        return [name, (_, whole) => test(whole)]
      }
      const names = namesOf('dependencies', rule)
      return [name, (fields) => names.every((one) => fields.has(one))]
    },
  )
  return (whole) => {
    if (whole.type !== bsonType.object) return true
    const fields = new Map(fieldsOf(whole))
    return rules.every(([name, holds]) => !fields.has(name) || holds(fields, whole))
  }
}

const items: Compile = (value) => {
  if (value.type === bsonType.array) {
    const schemas = elementsOf(value).map(compileSchema)
    return ofArrays((elements) => elements.every((one, i) => schemas[i]?.(one) ?? true))
  }
  const test = compileSchema(value)
  return ofArrays((elements) => elements.every(test))
}

const additionalItems: Compile = (value, all) => {
  const isSchema = value.type === bsonType.object
  mustBe('additionalItems', isSchema || value.type === bsonType.boolean, 'either an object or a boolean')
  const given = all.get('items')
  if (given?.type !== bsonType.array || (!isSchema && isTruthy(value))) return always
  const count = elementsOf(given).length
  const test = isSchema ? compileSchema(value) : (): boolean => false
  return ofArrays((elements) => elements.slice(count).every(test))
}

const uniqueItems: Compile = (value) => {
  mustBe('uniqueItems', value.type === bsonType.boolean, 'a boolean')
  if (!isTruthy(value)) return always
  return ofArrays((elements) => new Set(elements.map(keyText)).size === elements.length)
}

const enumeration: Compile = (value) => {
  mustBe('enum', value.type === bsonType.array, 'an array')
  const allowed = elementsOf(value)
  if (allowed.length === 0) throw wrong("$jsonSchema keyword 'enum' cannot be an empty array", mongoCode.failedToParse)
  return (one) => allowed.some((other) => equalValues(one, other))
}

const required: Compile = (value) => {
  const names = namesOf('required', value)
  return ofObjects((fields) => {
    const there = new Set(fields.map(([name]) => name))
    return names.every((name) => there.has(name))
  })
}

const lengthOf = (text: string): number => [...text].length

const keywords: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['bsonType', typesBy('bsonType', typeNumbers)],
  ['type', typesBy('type', jsonTypes)],
  ['enum', enumeration],
  ['minimum', bound('minimum', 'exclusiveMinimum', 1)],
  ['maximum', bound('maximum', 'exclusiveMaximum', -1)],
  ['exclusiveMinimum', needs('exclusiveMinimum', 'minimum')],
  ['exclusiveMaximum', needs('exclusiveMaximum', 'maximum')],
  ['multipleOf', multipleOf],
  ['minLength', (value) => ((least) => ofTexts((text) => lengthOf(text) >= least))(countOf('minLength', value))],
  ['maxLength', (value) => ((most) => ofTexts((text) => lengthOf(text) <= most))(countOf('maxLength', value))],
  [
    'pattern',
    (value) => {
      mustBe('pattern', value.type === bsonType.string, 'a string')
      return ofTexts(compileRegexText(readString(value)))
    },
  ],
  ['minItems', (value) => ((least) => ofArrays(({ length }) => length >= least))(countOf('minItems', value))],
  ['maxItems', (value) => ((most) => ofArrays(({ length }) => length <= most))(countOf('maxItems', value))],
  ['uniqueItems', uniqueItems],
  ['items', items],
  ['additionalItems', additionalItems],
  ['properties', properties],
  ['patternProperties', patternProperties],
  ['additionalProperties', additionalProperties],
  ['required', required],
  ['dependencies', dependencies],
  [
    'minProperties',
    (value) => ((least) => ofObjects(({ length }) => length >= least))(countOf('minProperties', value)),
  ],
  ['maxProperties', (value) => ((most) => ofObjects(({ length }) => length <= most))(countOf('maxProperties', value))],
  [
    'allOf',
    (value) =>
      (
        (tests) => (one: BsonValue) =>
          tests.every((test) => test(one))
      )(schemasOf('allOf', value)),
  ],
  [
    'anyOf',
    (value) =>
      (
        (tests) => (one: BsonValue) =>
          tests.some((test) => test(one))
      )(schemasOf('anyOf', value)),
  ],
  [
    'oneOf',
    (value) => {
      const tests = schemasOf('oneOf', value)
      return (one) => tests.filter((test) => test(one)).length === 1
    },
  ],
  [
    'not',
    (value) =>
      (
        (test) => (one: BsonValue) =>
          !test(one)
      )(compileSchema(value)),
  ],
  ['title', () => always],
  ['description', () => always],
])
