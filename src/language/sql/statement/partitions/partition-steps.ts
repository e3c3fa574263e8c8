/** ALTER TABLE … ATTACH PARTITION, DETACH PARTITION, INHERIT and NO INHERIT. */
import type { AlterTableCmd } from 'libpg-query'
import { failure, notBuilt } from '../../failure.ts'
import { addInherit, attachPartition, detachPartition, dropInherit } from './merging.ts'
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
      const { name, concurrent } = def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : {}
      return (run, table) => detachPartition(run, table, name!, concurrent === true)
    }
    case 'AT_DetachPartitionFinalize':
      return (_run, table) => {
        throw failure('55000', `partition "${table.name}" is not pending to be detached`)
      }
    case 'AT_AddInherit':
      return (run, table) => addInherit(run, table, rangeOf(def))
    case 'AT_DropInherit':
      return (run, table) => dropInherit(run, table, rangeOf(def))
    default:
      return undefined
  }
}

function rangeOf(def: AlterTableCmd['def']): Parameters<typeof addInherit>[2] {
  if (def !== undefined && 'RangeVar' in def) return def.RangeVar
  throw notBuilt('this INHERIT')
}
