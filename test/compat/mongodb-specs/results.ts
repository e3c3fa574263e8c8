/** What the driver answers, as plain documents. */
import type { Document } from 'mongodb-of-specs'

/** A result of the driver as a plain document. */
export function flat(result: unknown): unknown {
  if (Array.isArray(result)) return result
  if (typeof result !== 'object' || result === null) return result
  const found = result as Document
  if ('insertedCount' in found && 'matchedCount' in found) {
    const names = [
      'insertedCount',
      'matchedCount',
      'modifiedCount',
      'deletedCount',
      'upsertedCount',
      'insertedIds',
      'upsertedIds',
    ]
    const more = ['insertResults', 'updateResults', 'deleteResults'].map((name) => [name, mapped(found[name])])
    return Object.fromEntries([...names.map((name) => [name, found[name]]), ...more])
  }
  return result
}

export function mapped(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value
}
