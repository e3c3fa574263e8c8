/**
 * Types that users make, ready for use: once in a process for each content.
 *
 * A plan names a type by a number, and a value does not know its type, so every content that is met gets two numbers of this
 * process: its own and that of arrays of it. Equal contents get the same ones, in whichever database and version of a
 * catalog they are; a type that is changed has another content, and what was bound for the old one goes on with that.
 * Clients never see these numbers: they are told `catalogOid`.
 *
 * Invariant: what a number means never changes.
 */
import { arrayTypeOf } from '../array.ts'
import { sqlError, type SqlType } from '../type.ts'
import {
  type CompositeContent,
  numberOfArray,
  numberOfType,
  partsOf,
  placeOfType,
  type TypeContent,
  type TypeContents,
} from './content.ts'
import { compositeType } from './composite.ts'
import { domainType } from './domain.ts'
import { enumType } from './enum.ts'
import { type Identity, titleOf } from './identity.ts'

/** Above every number that a client or a definition has. */
const firstMadeNumber = 2 ** 32
let nextNumber = firstMadeNumber

const made = new Map<number, SqlType>()
const byContent = new Map<string, SqlType>()

export function isMade(number: number): boolean {
  return number >= firstMadeNumber
}

/** By a plan's number. */
export function findMade(number: number): SqlType | undefined {
  return isMade(number) ? made.get(number) : undefined
}

/** How a part of a content is found: built-in types are the registry's. */
export type BuiltIn = (number: number) => SqlType

/**
 * By the number that definitions have. `contents`: of the definition. `known`: found for it already, since a type may stand
 * in many places of another.
 */
export function typeOfContents(
  number: number,
  contents: TypeContents,
  builtIn: BuiltIn,
  known: Map<number, SqlType> = new Map(),
): SqlType {
  const place = placeOfType(number)
  if (place === undefined) return builtIn(number)
  const content = contents[place.id]
  if (content === undefined) {
    throw sqlError('undefined_object', '42704', `type with OID ${number} does not exist`)
  }
  let type = known.get(place.id)
  if (type === undefined) {
    type = intern(
      content,
      partsOf(content).map((part) => typeOfContents(part, contents, builtIn, known)),
    )
    known.set(place.id, type)
  }
  return place.isArray ? made.get(type.arrayOid)! : type
}

/** One row of types that has no name: what ROW(…) makes. */
export function anonymousRow(fields: readonly FieldOfRow[], builtIn: BuiltIn): SqlType {
  const own = fields.map(({ name, type, modifier }, i) => {
    return { number: i + 1, name, type: builtIn(type).catalogOid ?? type, modifier }
  })
  const content: CompositeContent = {
    kind: 'composite',
    id: 0,
    schema: 'pg_catalog',
    name: 'record',
    fields: own,
    nextField: own.length + 1,
  }
  return intern(
    content,
    fields.map(({ type }) => builtIn(type)),
  )
}

export interface FieldOfRow {
  readonly name: string
  /** A plan's number. */
  readonly type: number
  readonly modifier: number
}

function intern(content: TypeContent, parts: readonly SqlType[]): SqlType {
  const key = JSON.stringify([content, parts.map(({ oid }) => oid)])
  let type = byContent.get(key)
  if (type === undefined) {
    type = make(content, parts)
    byContent.set(key, type)
  }
  return type
}

function make(content: TypeContent, parts: readonly SqlType[]): SqlType {
  const oid = nextNumber
  nextNumber += 2
  const own: Record<string, TypeContent> = {}
  for (const part of parts) Object.assign(own, part.made?.contents)
  if (content.id !== 0) own[content.id] = content
  const identity: Identity = {
    oid,
    catalogOid: content.id === 0 ? recordNumber : numberOfType(content.id),
    name: content.name,
    title: titleOf(content),
    arrayOid: oid + 1,
    made: { id: content.id, content, contents: own },
  }
  const type = ofKind(identity, content, parts)
  const arrayOid = content.id === 0 ? recordArrayNumber : numberOfArray(content.id)
  made.set(oid, type)
  made.set(oid + 1, { ...arrayTypeOf(type), catalogOid: arrayOid, made: identity.made })
  return type
}

const recordNumber = 2249
const recordArrayNumber = 2287

function ofKind(identity: Identity, content: TypeContent, parts: readonly SqlType[]): SqlType {
  switch (content.kind) {
    case 'enum':
      return enumType(identity, content)
    case 'composite':
      return compositeType(identity, content, parts)
    default:
      return domainType(identity, content, parts[0]!)
  }
}
