/**
 * Statements that run as the owner of something, whoever has called: what they may do, and what they see of the session. As whom
 * the session goes on is not for them to say.
 *
 * What a definition keeps and runs by itself (`restrictedRun`) is its owner's, and nobody who has it run has read it: it reads, and
 * changes neither data nor the session. Else what it leaves behind, as a setting or what a deferred trigger is to do, would be the
 * caller's.
 */
import { inStretches } from '../../../base/stretches.ts'
import type { Owned, StatementSteps, Transaction } from '../../../database/contract.ts'
import type { SqlContext } from '../contract.ts'
import { failure } from '../failure.ts'
import { isAsWhom } from '../settings/settings.ts'
import { createRun, type SqlRun } from '../plan/run.ts'

/** With the rights of the owner. */
export function asOwner<T>(caller: SqlRun, owned: Owned, steps: StatementSteps<T>): StatementSteps<T> {
  return inStretches(steps, (stretch) => caller.transaction.access.asOwner(owned, stretch))
}

/** What a context has of its own that is the owner's. */
export function ownersParts(caller: SqlRun, { owner }: Owned): PropertyDescriptorMap {
  const principal = (transaction: Transaction) => transaction.principal
  return { user: { value: owner }, rights: { get: () => principal(caller.transaction).rights } }
}

/** Errors: 42501. */
export function refuseToBecome(name: string): void {
  if (isAsWhom(name)) throw failure('42501', `cannot set parameter "${name}" within security-definer function`)
}

export function withinDefiner(outer: SqlContext): SqlContext {
  const setSetting: SqlContext['setSetting'] = (name, value, scope) => {
    refuseToBecome(name)
    outer.setSetting(name, value, scope)
  }
  return Object.create(outer, { setSetting: { value: setSetting } }) as SqlContext
}

/** For `asOwner`. */
export function restrictedRun(caller: SqlRun, owned: Owned): SqlRun {
  const setSetting: SqlContext['setSetting'] = (name) => {
    throw failure('42501', `cannot set parameter "${name}" within security-restricted operation`)
  }
  const signalSession = (): never => {
    throw failure('42501', 'cannot end or cancel others within security-restricted operation')
  }
  const context = Object.create(caller.context, {
    ...ownersParts(caller, owned),
    catalog: { get: () => caller.transaction.catalog },
    isRestricted: { value: true },
    setSetting: { value: setSetting },
    signalSession: { value: signalSession },
  }) as SqlContext
  caller.notices ??= []
  return { ...createRun(caller.transaction, context, []), notices: caller.notices }
}
