/**
 * getParameter and setParameter: what tools read of the server, and what can be changed while it runs; what is changed holds until it
 * stops, as in MongoDB. How many connections there may be is no parameter of MongoDB's, but an option of its start: `serverStatus`
 * shows how many are left.
 */
import { AccessError } from '../../../database/access/rights.ts'
import { bsonType, type BsonValue } from '../../../model/document/bson.ts'
import type { BsonWriter } from '../../../model/document/bson-writer.ts'
import { mongoCode, mongoError } from '../../../model/document/mongo-error.ts'
import { toDouble } from '../../../model/document/values.ts'
import { mayAdminister } from '../access.ts'
import type { GatewayState } from '../gateway-state.ts'
import type { Command, Reply, Request } from '../request.ts'
import { mechanisms } from './login.ts'

const invalidOptions = 72
const illegalOperation = 20

interface Parameter {
  write(writer: BsonWriter, field: string, gateway: GatewayState): void
  /** Left out: it is as the server was started. */
  readonly change?: { read(gateway: GatewayState): number; set(gateway: GatewayState, value: number): void }
}

const parameters: ReadonlyMap<string, Parameter> = new Map<string, Parameter>([
  [
    'authenticationMechanisms',
    {
      write: (writer, field) => {
        writer.beginArray(field)
        for (const [i, mechanism] of mechanisms.entries()) writer.string(String(i), mechanism)
        writer.end()
      },
    },
  ],
  [
    'cursorTimeoutMillis',
    {
      write: (writer, field, gateway) => void writer.int64(field, gateway.cursors.idleMs),
      change: {
        read: ({ cursors }) => cursors.idleMs,
        set: ({ cursors }, value) => (cursors.idleMs = value),
      },
    },
  ],
  [
    'featureCompatibilityVersion',
    { write: (writer, field) => void writer.beginObject(field).string('version', '7.0').end() },
  ],
  // Who declares no version of the stable API is served.
  ['requireApiVersion', { write: (writer, field) => void writer.boolean(field, false) }],
])

function getParameter(request: Request): Reply {
  const asked = request.fields.get('getParameter')!
  const isAll = asked.type === bsonType.string && request.getString('getParameter') === '*'
  const names =
    isAll || request.getBoolean('allParameters', false)
      ? [...parameters.keys()]
      : request.ownFields.filter((name) => name !== 'allParameters')
  const unknown = names.find((name) => !parameters.has(name))
  if (unknown !== undefined || names.length === 0) {
    throw mongoError(invalidOptions, `no option found to get: ${unknown ?? ''}`)
  }
  return (writer) => {
    for (const name of names) parameters.get(name)!.write(writer, name, request.gateway)
  }
}

/** One at a time, as in MongoDB. */
function setParameter(request: Request): Reply {
  if (!mayAdminister(request.session.rights)) throw new AccessError('database', 'admin')
  const [name, ...more] = request.ownFields
  if (name === undefined) throw mongoError(invalidOptions, 'no option found to set, use help:true to see options ')
  if (more.length > 0)
    throw mongoError(mongoCode.badValue, 'setParameter sets one parameter at a time here', 'unsupported')
  const parameter = parameters.get(name)
  if (parameter === undefined) {
    const message = `attempted to set unrecognized parameter [${name}], use help:true to see options `
    throw mongoError(invalidOptions, message)
  }
  if (parameter.change === undefined) {
    throw mongoError(illegalOperation, `not allowed to change [${name}] at runtime`, 'unsupported')
  }
  const value = positive(name, request.fields.get(name)!)
  const was = parameter.change.read(request.gateway)
  parameter.change.set(request.gateway, value)
  return (writer) => writer.int64('was', was)
}

function positive(name: string, given: BsonValue): number {
  const value = given.isNumber ? toDouble(given) : NaN
  if (Number.isSafeInteger(value) && value > 0) return value
  throw mongoError(mongoCode.badValue, `Invalid value for parameter ${name}: it has to be a whole number above 0`)
}

export const parameterCommands: readonly Command[] = [
  { name: 'getParameter', fields: [], checksFields: true, access: 'monitor', run: getParameter },
  { name: 'setParameter', fields: [], checksFields: true, access: 'monitor', run: setParameter },
]
