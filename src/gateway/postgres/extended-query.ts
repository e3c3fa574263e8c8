/**
 * The extended protocol: Parse, Bind, Describe, Execute, Close, until Sync.
 *
 * What lies between two Syncs is one implicit transaction. Where exactly one Execute stands before its Sync, which is how
 * drivers send single statements, it runs as a transaction of its own without opening a block: `isLast` says so.
 */
import type { ParsedStatement, PreparedStatement } from '../../language/sql/contract.ts'
import { readFormats, readParameters } from './bind-parameters.ts'
import type { Client } from './client.ts'
import { invalidMessage, sqlError } from './errors.ts'
import { endsBlock, endsFailedBlock, execute, resultColumns } from './execute.ts'
import { after } from './language.ts'
import type { MessageReader } from './message-reader.ts'
import { Portal, type ClientStatement } from './portal.ts'
import { checkSameColumns, type ExecuteOptions } from './query-run.ts'
import {
  bindComplete,
  closeComplete,
  emptyQueryResponse,
  noData,
  parameterDescription,
  parseComplete,
  rowDescription,
} from './wire.ts'

export function parse(client: Client, message: MessageReader): void | Promise<void> {
  const name = message.name()
  const text = message.text()
  const types: number[] = []
  for (let left = message.u16(); left > 0; left--) types.push(message.u32())
  message.finish()
  client.text = text
  if (name === '') client.statements.delete('')
  return after(
    after(client.parse(text), (statements) => prepareOne(client, statements, types)),
    (statement) => {
      client.addStatement(name, statement)
      const { writer } = client.outbox
      const start = writer.end
      parseComplete(writer)
      client.noteBare(start)
    },
  )
}

function prepareOne(
  client: Client,
  statements: readonly ParsedStatement[],
  givenTypes: readonly number[],
): ClientStatement | Promise<ClientStatement> {
  if (statements.length > 1) {
    throw sqlError('syntax', '42601', 'cannot insert multiple commands into a prepared statement')
  }
  const [parsed] = statements
  if (parsed === undefined) return { parsed, prepared: undefined, givenTypes }
  // A statement that cannot be bound any more must still be answered with 25P02.
  if (client.block.isFailed && !endsFailedBlock(client, parsed)) client.block.checkNotFailed()
  const prepareThere = (): ClientStatement | Promise<ClientStatement> =>
    after(client.prepareOn(parsed, givenTypes), (prepared) => ({ parsed, prepared, givenTypes }))
  return client.asOf.isDueFor(parsed) ? client.asOf.go().then(prepareThere) : prepareThere()
}

export function bind(client: Client, message: MessageReader): void | Promise<void> {
  const portalName = message.name()
  const statementName = message.name()
  const statement = client.getStatement(statementName)
  if (!client.asOf.isDueForEffect(statement.prepared?.effect)) {
    return bindThere(client, message, { portalName, statementName, statement })
  }
  return client.asOf.go().then(() => bindThere(client, message, { portalName, statementName, statement }))
}

interface NamesOfBind {
  readonly portalName: string
  readonly statementName: string
  readonly statement: ClientStatement
}

function bindThere(
  client: Client,
  message: MessageReader,
  { portalName, statementName, statement }: NamesOfBind,
): void | Promise<void> {
  refresh(client, statement)
  const { prepared } = statement
  if (prepared === undefined || !endsBlock(prepared)) client.block.checkNotFailed()
  const source = { portalName, statementName, types: prepared?.parameterTypes ?? [] }
  return after(readParameters(client, message, source), (parameters) => {
    const formats = readFormats(message)
    message.finish()
    addPortal(
      client,
      portalName,
      new Portal(statement, parameters, spread(client, statement, formats)),
      message.sizeBytes,
    )
    const { writer } = client.outbox
    const start = writer.end
    bindComplete(writer)
    client.noteBare(start)
  })
}

function addPortal(client: Client, portalName: string, portal: Portal, sizeBytes: number): void {
  if (portalName !== '' && client.portals.has(portalName)) {
    throw sqlError('duplicate_object', '42P03', `cursor "${portalName}" already exists`)
  }
  const heldBytes = sizeBytes < smallBindBytes ? 0 : 2 * sizeBytes
  client.portals.set(portalName, portal, portalName === '' ? 0 : sizeBytes, heldBytes)
}

/** What is smaller is little beside its portal. */
const smallBindBytes = 1024

/** Binds a kept statement anew where the catalog has changed since. */
function refresh(client: Client, statement: ClientStatement): void {
  const { parsed, prepared, givenTypes } = statement
  if (prepared === undefined || client.block.isFailed) return
  const { session, textStyle } = client
  if (prepared.isCurrent(client.context.catalog, session.rights, textStyle, (id) => session.rightsOf(id))) return
  const fresh = client.prepare(parsed!, givenTypes)
  checkSameColumns(fresh, prepared)
  statement.prepared = fresh
}

/** Per column, or undefined where all are text. */
function spread(client: Client, statement: ClientStatement, formats: readonly number[]): readonly number[] | undefined {
  if (formats.length === 0 || (formats.length === 1 && formats[0] === 0)) return undefined
  const columns = statement.prepared === undefined ? undefined : resultColumns(client, statement.prepared)
  const count = columns?.length ?? 0
  if (formats.length === 1) return Array.from({ length: count }, () => formats[0]!)
  if (formats.length !== count) {
    throw invalidMessage(`bind message has ${formats.length} result formats but query has ${count} columns`)
  }
  return formats
}

const statementTarget = 0x53
const portalTarget = 0x50

export function describe(client: Client, message: MessageReader): void {
  const target = message.u8()
  const name = message.name()
  message.finish()
  if (target === statementTarget) describeStatement(client, client.getStatement(name))
  else if (target === portalTarget) describePortal(client, client.getPortal(name))
  else throw invalidMessage(`invalid DESCRIBE message subtype ${target}`)
}

function describeStatement(client: Client, statement: ClientStatement): void {
  refresh(client, statement)
  const { writer } = client.outbox
  const { prepared } = statement
  const columns = prepared === undefined ? undefined : resultColumns(client, prepared)
  if (columns !== undefined) client.block.checkNotFailed()
  parameterDescription(writer, prepared?.parameterTypes ?? [])
  if (columns === undefined) noData(writer)
  else rowDescription(writer, columns, undefined)
}

function describePortal(client: Client, portal: Portal): void {
  const { prepared } = portal.statement
  const columns = prepared === undefined ? undefined : resultColumns(client, prepared)
  if (columns === undefined) {
    const { writer } = client.outbox
    const start = writer.end
    noData(writer)
    client.noteBare(start)
    return
  }
  client.block.checkNotFailed()
  rowDescription(client.outbox.writer, columns, portal.formats)
}

/** `isLast`: nothing but its Sync follows. */
export function executePortal(client: Client, message: MessageReader, isLast: boolean): void | Promise<void> {
  const portal = client.getPortal(message.name())
  const maxRows = Math.max(0, message.i32())
  message.finish()
  const { prepared, parsed } = portal.statement
  client.text = parsed?.source ?? ''
  if (prepared === undefined) {
    emptyQueryResponse(client.outbox.writer)
    return undefined
  }
  const run = (): void | Promise<void> => executeThere(client, portal, prepared, { describes: false, maxRows }, isLast)
  return client.asOf.isDueForEffect(prepared.effect) ? client.asOf.go().then(run) : run()
}

function executeThere(
  client: Client,
  portal: Portal,
  prepared: PreparedStatement,
  options: ExecuteOptions,
  isLast: boolean,
): void | Promise<void> {
  const { kind } = prepared.effect
  const opensBlock = client.block.kind === 'none' && !isLast && kind !== 'begin' && !endsBlock(prepared)
  if (opensBlock) client.block.beginImplicit()
  return execute(client, portal, options)
}

export function close(client: Client, message: MessageReader): void {
  const target = message.u8()
  const name = message.name()
  message.finish()
  if (target === statementTarget) client.statements.delete(name)
  else if (target === portalTarget) client.portals.delete(name)
  else throw invalidMessage(`invalid CLOSE message subtype ${target}`)
  closeComplete(client.outbox.writer)
}
