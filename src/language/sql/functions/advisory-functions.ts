/** Advisory locks: the functions of PostgreSQL's manual, 9.27.10. */
import type { LockPolicy } from '../../../database/contract.ts'
import type { AdvisoryKey } from '../../../database/transaction/advisory-locks.ts'
import type { SqlRun } from '../plan/run.ts'
import { oid } from '../types/oids.ts'
import { defineFunction } from './registry.ts'

const { int4, int8, bool } = oid

function keyOf(values: readonly (bigint | number)[]): AdvisoryKey {
  const [first, second] = values
  if (typeof first === 'number') return { high: first >>> 0, low: (second as number) >>> 0, part: 2 }
  return { high: Number(BigInt.asUintN(32, first! >> 32n)), low: Number(BigInt.asUintN(32, first!)), part: 1 }
}

function define(name: string, gives: number, run: (run: SqlRun, key: AdvisoryKey) => boolean | string): void {
  const implementation = (one: SqlRun, ...values: (bigint | number)[]): boolean | string => run(one, keyOf(values))
  for (const takes of [[int8], [int4, int4]]) {
    defineFunction(name, takes, gives, implementation, { needsRun: true, volatility: 'volatile' })
  }
}

function defineLocks(isShared: boolean, ofSession: boolean): void {
  const suffix = `${ofSession ? '' : '_xact'}_lock${isShared ? '_shared' : ''}`
  const lock = ({ transaction }: SqlRun, key: AdvisoryKey, policy: LockPolicy): boolean =>
    transaction.locks.advisory.lock({ key, isShared, ofSession }, policy)
  define(`pg_advisory${suffix}`, oid.void, (run, key) => {
    lock(run, key, 'wait')
    return ''
  })
  define(`pg_try_advisory${suffix}`, bool, (run, key) => lock(run, key, 'skip'))
}

function defineUnlock(isShared: boolean): void {
  define(`pg_advisory_unlock${isShared ? '_shared' : ''}`, bool, (run, key) => {
    const isHeld = run.transaction.locks.advisory.unlock(key, isShared)
    if (!isHeld) {
      const message = `you don't own a lock of type ${isShared ? 'ShareLock' : 'ExclusiveLock'}`
      run.notices ??= []
      run.notices.push({ severity: 'WARNING', sqlState: '01000', message })
    }
    return isHeld
  })
}

for (const isShared of [false, true]) {
  defineLocks(isShared, true)
  defineLocks(isShared, false)
  defineUnlock(isShared)
}

const unlockAll = ({ transaction }: SqlRun): string => {
  transaction.locks.advisory.unlockAll()
  return ''
}
defineFunction('pg_advisory_unlock_all', [], oid.void, unlockAll, { needsRun: true, volatility: 'volatile' })
