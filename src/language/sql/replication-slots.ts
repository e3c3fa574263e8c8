/** What is said of replication slots wherever they are named: by SQL's functions, and by commands of replication connections. */
import { PolylogError } from '../../base/errors.ts'
import type { Sequence } from '../../database/contract.ts'
import type { Slots } from '../../database/following/slots.ts'
import { failure } from './failure.ts'

/** Errors: 42602 and 42622. */
export function checkSlotName(name: string): void {
  if (name.length === 0) throw failure('42602', `replication slot name "${name}" is too short`)
  if (name.length > 63) throw failure('42622', `replication slot name "${name}" is too long`)
  if (/^[a-z0-9_]+$/.test(name)) return
  throw failure('42602', `replication slot name "${name}" contains invalid character`, {
    hint: 'Replication slot names may only contain lower case letters, numbers, and the underscore character.',
  })
}

/** Errors: 58P01 for what is not here. */
export function checkPlugin(plugin: string): void {
  if (plugin !== 'pgoutput') throw failure('58P01', `could not access file "${plugin}": No such file or directory`)
}

export function missingSlot(name: string): PolylogError {
  return failure('42704', `replication slot "${name}" does not exist`)
}

export function activeSlot(name: string, holder: number): PolylogError {
  return failure('55006', `replication slot "${name}" is active for PID ${holder}`)
}

/** `Slots.create`, in PostgreSQL's words. */
export async function createSlot(slots: Slots, ...[name, ...rest]: Parameters<Slots['create']>): Promise<Sequence> {
  try {
    return await slots.create(name, ...rest)
  } catch (error) {
    if (!(error instanceof PolylogError) || error.code !== 'duplicate_object') throw error
    throw failure('42710', `replication slot "${name}" already exists`)
  }
}

/** The log does not go back so far any more. */
export function lostSlot(name: string): PolylogError {
  return failure('55000', `can no longer get changes from replication slot "${name}"`, {
    detail: 'This slot has been invalidated because it exceeded the maximum reserved size.',
  })
}
