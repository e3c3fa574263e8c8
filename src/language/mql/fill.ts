/** `$fill`: in the words of `$setWindowFields` and `$addFields`. */
import { bsonType, type BsonValue, elementsOf, fieldsOf } from '../../model/document/bson.ts'
import { mongoCode, mongoError } from '../../model/document/mongo-error.ts'
import { readString, stringValue } from '../../model/document/values.ts'
import { arrayOf, objectOf } from './expression-contract.ts'
import { compileAddFields } from './projection.ts'
import type { Variables } from './scope.ts'
import { operatorOf, type Stage } from './stage.ts'
import { compileWindowFields } from './window-fields.ts'

const methods: ReadonlyMap<string, string> = new Map([
  ['linear', '$linearFill'],
  ['locf', '$locf'],
])

export function compileFill(specification: BsonValue, variables: Variables): Stage {
  const parts = new Map(specification.type === bsonType.object ? fieldsOf(specification) : [])
  for (const name of parts.keys()) {
    if (!['partitionBy', 'partitionByFields', 'sortBy', 'output'].includes(name)) {
      throw mongoError(40_415, `BSON field '$fill.${name}' is an unknown field.`)
    }
  }
  const output = parts.get('output')
  if (output?.type !== bsonType.object) {
    throw mongoError(40_414, "BSON field '$fill.output' is missing but a required field")
  }
  const values: [string, BsonValue][] = []
  const computed: [string, BsonValue][] = []
  for (const [name, how] of fieldsOf(output)) {
    const [kind, value] = wayOf(how)
    if (kind === 'value') values.push([name, objectOf([['$ifNull', arrayOf([stringValue(`$${name}`), value])]])])
    else computed.push([name, objectOf([[kind, stringValue(`$${name}`)]])])
  }
  const sortBy = parts.get('sortBy')
  if (computed.length > 0 && sortBy === undefined) {
    throw mongoError(mongoCode.failedToParse, "$fill needs 'sortBy' where a method is 'linear' or 'locf'")
  }
  const window = computed.length > 0 ? compileWindowFields(windowOf(parts, computed), variables) : undefined
  const set = values.length > 0 ? compileAddFields(objectOf(values), variables) : undefined
  return (input) => {
    const through = window === undefined ? input : window(input)
    return set === undefined ? through : operatorOf({ kind: 'change', change: set }, through)
  }
}

function wayOf(how: BsonValue): readonly [string, BsonValue] {
  const ways = how.type === bsonType.object ? fieldsOf(how) : []
  const [first] = ways
  if (first !== undefined && ways.length === 1) {
    const [name, value] = first
    if (name === 'value') return first
    const method = name === 'method' && value.type === bsonType.string ? methods.get(readString(value)) : undefined
    if (method !== undefined) return [method, value]
  }
  throw mongoError(6_050_202, "each output of $fill has either a 'value' or a 'method', which is 'linear' or 'locf'")
}

function windowOf(
  parts: ReadonlyMap<string, BsonValue>,
  computed: readonly (readonly [string, BsonValue])[],
): BsonValue {
  const fields: [string, BsonValue][] = [['output', objectOf(computed)]]
  const [sortBy, by, byFields] = ['sortBy', 'partitionBy', 'partitionByFields'].map((name) => parts.get(name))
  if (sortBy !== undefined) fields.push(['sortBy', sortBy])
  if (by !== undefined && byFields !== undefined) {
    throw mongoError(6_050_204, "$fill takes at most one of 'partitionBy' and 'partitionByFields'")
  }
  if (by !== undefined) fields.push(['partitionBy', by])
  if (byFields !== undefined) fields.push(['partitionBy', partitionOf(byFields)])
  return objectOf(fields)
}

/** Fields as one value, told apart where they are missing. */
export function partitionOf(names: BsonValue): BsonValue {
  const list = names.type === bsonType.array ? elementsOf(names) : []
  const fields = list.map((name, i): [string, BsonValue] => {
    const text = name.type === bsonType.string ? readString(name) : ''
    if (text !== '' && !text.startsWith('$')) return [String(i), stringValue(`$${text}`)]
    throw mongoError(mongoCode.typeMismatch, "'partitionByFields' must be an array of names of fields", 'wrong_type')
  })
  if (names.type === bsonType.array) return objectOf(fields)
  throw mongoError(mongoCode.typeMismatch, "'partitionByFields' must be an array of strings", 'wrong_type')
}
