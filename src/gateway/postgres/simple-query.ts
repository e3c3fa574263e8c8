/**
 * The simple protocol: a query string of any number of statements, answered one after the other, then ReadyForQuery.
 *
 * Several statements are one implicit transaction, unless they say BEGIN or COMMIT themselves; the first error ends the
 * string. A statement that stands alone is a transaction of its own, which is the fast path.
 */
import type { ParsedStatement } from '../../language/sql/contract.ts'
import type { Client } from './client.ts'
import { endsFailedBlock, execute } from './execute.ts'
import { after, afterDone } from './language.ts'
import { Portal } from './portal.ts'
import { endExport, findReplicationCommand } from './replication/commands.ts'
import { emptyQueryResponse } from './wire.ts'

const oneQuery = { describes: true, maxRows: 0 }

/** Throws or rejects with the first error; an implicit block is open then, and the caller ends it. */
export function simpleQuery(client: Client, text: string): void | Promise<void> {
  client.text = text
  if (client.replication?.exports === true) {
    return after(endExport(client.replication), () => simpleQuery(client, text))
  }
  const command = client.replication && findReplicationCommand(text)
  if (command !== undefined) return command(client.replication!)
  // As in PostgreSQL, the unnamed statement and portal do not survive a simple query.
  client.statements.delete('')
  client.portals.delete('')
  return after(client.parse(text), (statements) => runAll(client, statements))
}

function runAll(client: Client, statements: readonly ParsedStatement[]): void | Promise<void> {
  if (statements.length === 0) {
    emptyQueryResponse(client.outbox.writer)
    return undefined
  }
  return runFrom(client, statements, 0)
}

/** Of those that need not wait: a string may hold a hundred thousand. */
const statementsPerTurn = 16

function runFrom(client: Client, statements: readonly ParsedStatement[], from: number): void | Promise<void> {
  for (let i = from; i < statements.length; i++) {
    if (i >= from + statementsPerTurn) return client.pause().then(() => runFrom(client, statements, i))
    const running = runOne(client, statements[i]!, statements.length > 1)
    if (running instanceof Promise) return running.then(() => runFrom(client, statements, i + 1))
  }
  return client.block.endImplicit()
}

function runOne(client: Client, parsed: ParsedStatement, isOneOfSeveral: boolean): void | Promise<void> {
  if (client.asOf.isDueFor(parsed)) return client.asOf.go().then(() => runThere(client, parsed, isOneOfSeveral))
  return runThere(client, parsed, isOneOfSeveral)
}

function runThere(client: Client, parsed: ParsedStatement, isOneOfSeveral: boolean): void | Promise<void> {
  client.markOutput()
  const { block } = client
  if (block.isFailed) {
    // A statement that cannot be bound any more must still be answered with 25P02.
    if (!endsFailedBlock(client, parsed)) block.checkNotFailed()
  } else if (isOneOfSeveral && block.kind === 'none') block.beginImplicit()
  return after(client.prepareOn(parsed, []), (prepared) => {
    const portal = new Portal({ parsed, prepared, givenTypes: [] }, [], undefined)
    return afterDone(execute(client, portal, oneQuery), () => undefined)
  })
}
