/** What a sequence is to the catalog: it belongs to a column and goes with it, or it stands alone. */
import type { JsonObject } from '../../database/catalog/catalog.ts'
import { type ObjectKind, registerKind } from '../../database/catalog/objects.ts'
import { damagedDefinition } from './definition.ts'
import type { SequenceDefinition } from './sequence-definition.ts'
import { columnPart } from './table-kind.ts'

export const sequenceKind: ObjectKind<SequenceDefinition> = registerKind<SequenceDefinition>({
  name: 'sequence',
  model: 'table',
  word: 'sequence',
  isOwned: true,
  version: 1,
  decode: decodeSequence,
  dependencies: ({ owner }) => {
    if (owner === undefined) return []
    const on = { id: owner.table, part: columnPart(owner.column) }
    return [{ on, kind: owner.isIdentity === true ? 'internal' : 'automatic' }]
  },
})

function decodeSequence(definition: JsonObject): SequenceDefinition {
  const numbers = ['start', 'increment', 'minimum', 'maximum'].map((name) => definition[name])
  const isWhole = numbers.every((value) => typeof value === 'string' && /^-?\d{1,19}$/.test(value))
  if (!isWhole || typeof definition['cycle'] !== 'boolean') throw damagedDefinition('sequence')
  return definition as unknown as SequenceDefinition
}
