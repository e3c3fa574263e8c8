/**
 * Enums: a value is its label in memory, and its member's number in a row, so that renaming one rewrites nothing. Keys hold
 * ranks, which stay when members come in between.
 *
 * Order is that of the members: PostgreSQL's `enum_cmp`.
 */
import { decodeUtf8 } from '../../../../base/bytes.ts'
import { PolylogError } from '../../../../base/errors.ts'
import { plainType, sqlError, type SqlType } from '../type.ts'
import type { SqlValue } from '../value.ts'
import type { EnumContent, EnumMember } from './content.ts'
import { refuseFresh } from './fresh-members.ts'
import type { Identity } from './identity.ts'

interface Place {
  readonly at: number
  readonly number: number
  readonly rank: Uint8Array
  readonly member: EnumMember
}

/** PostgreSQL's NAMEDATALEN. */
export const maxLabelBytes = 63

export function enumType(identity: Identity, content: EnumContent): SqlType {
  const places = new Map(
    content.members.map((member, at): [string, Place] => {
      return [member.label, { at, number: member.number, rank: Buffer.from(member.rank, 'hex'), member }]
    }),
  )
  const labels = new Map(content.members.map(({ number, label }) => [number, label]))
  const placeOf = (label: SqlValue): Place => places.get(label as string) ?? unknownMember(identity.title, label)
  const read = (text: string): string => {
    const place = places.get(text)
    if (place === undefined) {
      throw sqlError('invalid_argument', '22P02', `invalid input value for enum ${identity.title}: "${text}"`)
    }
    if (place.member.epoch !== undefined) refuseFresh(identity.title, content.id, place.member)
    return place.member.label
  }
  return {
    ...plainType,
    ...identity,
    category: 'E',
    lengthBytes: 4,
    storage: 'fixed',
    storedBytes: 4,
    isOrdered: true,
    parseText: (text) => read(text),
    formatText: (value) => value as string,
    encodeBinary: (value, writer) => writer.utf8(value as string),
    decodeBinary: (bytes, start, end) => read(decodeUtf8(bytes, start, end)),
    compare: (a, b) => (a === b ? 0 : placeOf(a).at - placeOf(b).at),
    writeKey: (value, writer) => void writer.byteString(placeOf(value).rank),
    writeStored: (value, writer) => writer.u32le(placeOf(value).number),
    readStored: (bytes, start) => {
      const number = bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24)
      return labels.get(number) ?? unknownMember(identity.title, number)
    },
  }
}

function unknownMember(title: string, member: SqlValue): never {
  throw new PolylogError('data_corrupted', `the enum ${title} has no member ${member as string | number}`)
}
