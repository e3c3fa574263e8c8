/** ALTER TABLE … ATTACH PARTITION, DETACH PARTITION, INHERIT and NO INHERIT. */
import type { AlterTableCmd, PartitionCmd } from 'libpg-query'
import { notBuilt } from '../../failure.ts'
import { detachConcurrently, detachPartition, finalizeDetaching } from './detaching.ts'
import { addInherit, attachPartition, dropInherit } from './merging.ts'
import type { Step } from './recursion.ts'

/** Undefined of other commands. */
export function partitionStep({ subtype, def }: AlterTableCmd): Step | undefined {
  switch (subtype) {
    case 'AT_AttachPartition': {
      const command = def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : undefined
      if (command?.bound === undefined) throw notBuilt('ATTACH PARTITION of an index')
      const { name, bound } = command
      return (run, table) => attachPartition(run, table, name!, bound)
    }
    case 'AT_DetachPartition': {
      const { name, concurrent } = partitionOf(def)
      const detach = concurrent === true ? detachConcurrently : detachPartition
      return (run, table) => detach(run, table, name!)
    }
    case 'AT_DetachPartitionFinalize':
      return (run, table) => finalizeDetaching(run, table, partitionOf(def).name!)
    case 'AT_AddInherit':
      return (run, table) => addInherit(run, table, rangeOf(def))
    case 'AT_DropInherit':
      return (run, table) => dropInherit(run, table, rangeOf(def))
    default:
      return undefined
  }
}

function partitionOf(def: AlterTableCmd['def']): PartitionCmd {
  return def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : {}
}

/** Made of two transactions: see `detaching.ts`. */
export function detachesConcurrently({ subtype, def }: AlterTableCmd): boolean {
  return subtype === 'AT_DetachPartition' && partitionOf(def).concurrent === true
}

function rangeOf(def: AlterTableCmd['def']): Parameters<typeof addInherit>[2] {
  if (def !== undefined && 'RangeVar' in def) return def.RangeVar
  throw notBuilt('this INHERIT')
}
