/**
 * What a type that a user made consists of, as definitions keep it.
 *
 * A definition that has columns of such a type names the type by its number and keeps its content beside them, with that of
 * all types which that one is made of (`types`, by the numbers of their collections). So a table is read, written, verified
 * and followed by its own definition alone, and a value never asks a catalog what it is. Whoever changes a type writes its
 * content anew wherever it is kept: `spread.ts`.
 *
 *   number          is
 *   below 2^14      a built-in type
 *   2^14 + n        the type that is collection n: an enum, a domain, a composite, or the rows of a table
 *   2^26 + n        arrays of it
 */
import type { JsonObject } from '../../../../database/catalog/catalog.ts'

interface Named {
  /** Of the collection. */
  readonly id: number
  readonly schema: string
  readonly name: string
}

export interface EnumMember {
  /** Rows hold it; never given to another label. */
  readonly number: number
  readonly label: string
  /** Bytes in hexadecimal digits, by which keys sort: between any two there is room for another. */
  readonly rank: string
  /** `pg_enum.enumsortorder`: PostgreSQL's own number for the place. */
  readonly order: number
  /** Tells a transaction that has added it by itself: see `fresh-members.ts`. */
  readonly epoch?: number
}

/** Members in their order. */
export interface EnumContent extends Named {
  readonly kind: 'enum'
  readonly members: readonly EnumMember[]
  readonly nextMember: number
}

export interface TypeCheck {
  readonly name: string
  /** Source text, over VALUE. */
  readonly expression: string
  /** NOT VALID: values from before it were not looked at. */
  readonly notValid?: boolean
}

export interface DomainContent extends Named {
  readonly kind: 'domain'
  /** A number as above. */
  readonly base: number
  readonly modifier: number
  readonly notNull?: boolean
  /** Source text. */
  readonly default?: string
  readonly checks: readonly TypeCheck[]
}

export interface TypeField {
  /** Stored rows name it by this; never given to another field. */
  readonly number: number
  readonly name: string
  readonly type: number
  readonly modifier: number
  readonly dropped?: boolean
}

export interface CompositeContent extends Named {
  readonly kind: 'composite'
  readonly fields: readonly TypeField[]
  readonly nextField: number
  /** The rows of a table. */
  readonly isTable?: boolean
}

export type TypeContent = EnumContent | DomainContent | CompositeContent

/** By the numbers of their collections. */
export type TypeContents = Readonly<Record<string, TypeContent>>

export const noContents: TypeContents = {}

export const firstTypeNumber: number = 2 ** 14
const firstArrayNumber = 2 ** 26
const endOfArrays = 2 ** 27

export function numberOfType(id: number): number {
  return firstTypeNumber + id
}

export function numberOfArray(id: number): number {
  return firstArrayNumber + id
}

/** Undefined of a built-in type. */
export function placeOfType(number: number): { readonly id: number; readonly isArray: boolean } | undefined {
  if (number < firstTypeNumber || number >= endOfArrays) return undefined
  const isArray = number >= firstArrayNumber
  return { id: number - (isArray ? firstArrayNumber : firstTypeNumber), isArray }
}

/** The types, by their numbers, that one is made of. */
export function partsOf(content: TypeContent): readonly number[] {
  if (content.kind === 'enum') return []
  return content.kind === 'domain' ? [content.base] : content.fields.map(({ type }) => type)
}

/** What a definition keeps of types; none in one from before there were any. */
export function contentsIn(definition: JsonObject | object): TypeContents {
  return (definition as { readonly types?: TypeContents }).types ?? noContents
}
