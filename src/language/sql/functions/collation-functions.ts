/**
 * Texts in the order of ICU's collations, from our own tables: a text stands for its key, whose bytes are ordered as the
 * texts are. Collations are deterministic: texts that the collation takes for equal are in the order of their bytes, so that
 * equal keys are equal texts.
 */
import { findLocale } from '../../../base/collation/locales.ts'
import { Collator, optionsOfTable } from '../../../base/collation/collator.ts'
import { ByteWriter } from '../../../base/bytes.ts'
import { oid } from '../types/oids.ts'
import { perSize } from './cost.ts'
import { defineFunction } from './registry.ts'
import { failure } from '../failure.ts'

export const sortKeyFunction = 'polylog_sort_key'

const pattern = /^([a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?)-x-icu$/

/** By their tables. */
const collators = new Map<string, Collator>()

/** Of a name as PostgreSQL gives to ICU's collations: `de-AT-x-icu`. Undefined: it is none, or its tables are not here. */
export function findIcuCollator(name: string): Collator | undefined {
  const [, tag] = pattern.exec(name) ?? []
  const table = tag === undefined ? undefined : tag === 'und' ? 'root' : findLocale(tag.replaceAll('-', '_'))
  if (table === undefined) return undefined
  const known = collators.get(table)
  if (known !== undefined) return known
  const collator = new Collator(optionsOfTable(table))
  collators.set(table, collator)
  return collator
}

const scratch = new ByteWriter(256)

function sortKey(text: string, collation: string): Uint8Array {
  const collator = findIcuCollator(collation)
  if (collator === undefined) {
    throw failure('42704', `collation "${collation}" for encoding "UTF8" does not exist`)
  }
  scratch.reset()
  collator.writeKey(text, scratch)
  scratch.u8(0)
  scratch.utf8(text)
  return scratch.toBytes()
}

defineFunction(sortKeyFunction, [oid.text, oid.text], oid.bytea, sortKey, { cost: perSize(20) })
