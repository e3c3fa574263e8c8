/**
 * The messages of the server, appended to an output buffer. Each is a type byte, a length that includes itself, and its
 * fields; names end with a zero (the protocol's document, "Message Formats").
 */
import type { ByteWriter } from '../../base/bytes.ts'
import type { PolylogError } from '../../base/errors.ts'
import { findType, shownNumber } from '../../model/table/types/registry.ts'
import { domainModifier } from '../../model/table/types/user/domain.ts'
import { sqlStateOf } from './errors.ts'

/** What RowDescription tells of a column. */
export interface DescribedColumn {
  readonly name: string
  readonly typeOid: number
  readonly typeModifier: number
  readonly tableOid: number
  readonly columnNumber: number
}

/** Answers where the length goes: see `endMessage`. */
function beginMessage(writer: ByteWriter, type: string): number {
  writer.u8(type.charCodeAt(0))
  const mark = writer.end
  writer.u32be(0)
  return mark
}

function endMessage(writer: ByteWriter, mark: number): void {
  writer.setU32be(mark, writer.end - mark)
}

export function zeroEnded(writer: ByteWriter, text: string): void {
  writer.utf8(text)
  writer.u8(0)
}

function emptyMessage(writer: ByteWriter, type: number): void {
  writer.u8(type)
  writer.u32be(4)
}

export function authenticationOk(writer: ByteWriter): void {
  writer.u8(0x52)
  writer.u32be(8)
  writer.u32be(0)
}

/** Mechanisms of SASL, the one that is liked best first. */
export function authenticationSasl(writer: ByteWriter, mechanisms: readonly string[]): void {
  const mark = beginMessage(writer, 'R')
  writer.u32be(10)
  for (const mechanism of mechanisms) zeroEnded(writer, mechanism)
  writer.u8(0)
  endMessage(writer, mark)
}

export function authenticationSaslContinue(writer: ByteWriter, text: string): void {
  saslData(writer, 11, text)
}

export function authenticationSaslFinal(writer: ByteWriter, text: string): void {
  saslData(writer, 12, text)
}

function saslData(writer: ByteWriter, code: number, text: string): void {
  const mark = beginMessage(writer, 'R')
  writer.u32be(code)
  writer.utf8(text)
  endMessage(writer, mark)
}

export function parameterStatus(writer: ByteWriter, name: string, value: string): void {
  const mark = beginMessage(writer, 'S')
  zeroEnded(writer, name)
  zeroEnded(writer, value)
  endMessage(writer, mark)
}

export function notificationResponse(
  writer: ByteWriter,
  { sessionId, channel, payload }: { readonly sessionId: number; readonly channel: string; readonly payload: string },
): void {
  const mark = beginMessage(writer, 'A')
  writer.u32be(sessionId >>> 0)
  zeroEnded(writer, channel)
  zeroEnded(writer, payload)
  endMessage(writer, mark)
}

export function backendKeyData(writer: ByteWriter, id: number, secret: number): void {
  writer.u8(0x4b)
  writer.u32be(12)
  writer.u32be(id)
  writer.u32be(secret)
}

export function negotiateProtocolVersion(writer: ByteWriter, version: number, unknown: readonly string[]): void {
  const mark = beginMessage(writer, 'v')
  writer.u32be(version)
  writer.u32be(unknown.length)
  for (const option of unknown) zeroEnded(writer, option)
  endMessage(writer, mark)
}

export type ReadyStatus = 'I' | 'T' | 'E'

export function readyForQuery(writer: ByteWriter, status: ReadyStatus): void {
  writer.u8(0x5a)
  writer.u32be(5)
  writer.u8(status.charCodeAt(0))
}

export const parseComplete = (writer: ByteWriter): void => emptyMessage(writer, 0x31)
export const bindComplete = (writer: ByteWriter): void => emptyMessage(writer, 0x32)
export const closeComplete = (writer: ByteWriter): void => emptyMessage(writer, 0x33)
export const noData = (writer: ByteWriter): void => emptyMessage(writer, 0x6e)
export const portalSuspended = (writer: ByteWriter): void => emptyMessage(writer, 0x73)
export const emptyQueryResponse = (writer: ByteWriter): void => emptyMessage(writer, 0x49)
export const copyDone = (writer: ByteWriter): void => emptyMessage(writer, 0x63)

export function commandComplete(writer: ByteWriter, tag: string): void {
  const mark = beginMessage(writer, 'C')
  zeroEnded(writer, tag)
  endMessage(writer, mark)
}

export function parameterDescription(writer: ByteWriter, types: readonly number[]): void {
  const mark = beginMessage(writer, 't')
  writer.u16be(types.length)
  for (const oid of types) writer.u32be(shownNumber(oid))
  endMessage(writer, mark)
}

/** `formats`: 0 text, 1 binary, per column. */
export function rowDescription(
  writer: ByteWriter,
  columns: readonly DescribedColumn[],
  formats: readonly number[] | undefined,
): void {
  const mark = beginMessage(writer, 'T')
  writer.u16be(columns.length)
  for (const [i, column] of columns.entries()) {
    zeroEnded(writer, column.name)
    writer.u32be(column.tableOid)
    writer.u16be(column.columnNumber)
    // A client is told what a domain is over.
    const type = findType(column.typeOid)
    writer.u32be(shownNumber(type?.base?.oid ?? column.typeOid))
    writer.u16be((type?.lengthBytes ?? -1) & 0xffff)
    writer.u32be((type?.over === undefined ? column.typeModifier : domainModifier(type)) >>> 0)
    writer.u16be(formats?.[i] ?? 0)
  }
  endMessage(writer, mark)
}

/** CopyInResponse (`G`) or CopyOutResponse (`H`), text. */
export function copyResponse(writer: ByteWriter, direction: 'in' | 'out', columnCount: number, isBinary = false): void {
  const mark = beginMessage(writer, direction === 'in' ? 'G' : 'H')
  const format = isBinary ? 1 : 0
  writer.u8(format)
  writer.u16be(columnCount)
  for (let i = 0; i < columnCount; i++) writer.u16be(format)
  endMessage(writer, mark)
}

/** CopyBothResponse: both sides send CopyData. */
export function copyBothResponse(writer: ByteWriter): void {
  const mark = beginMessage(writer, 'W')
  writer.u8(0)
  writer.u16be(0)
  endMessage(writer, mark)
}

export function copyData(writer: ByteWriter, text: string): void {
  copyDataOf(writer, () => writer.utf8(text))
}

export function copyDataOf(writer: ByteWriter, write: () => void): void {
  const mark = beginMessage(writer, 'd')
  write()
  endMessage(writer, mark)
}

export type Severity = 'ERROR' | 'FATAL'

function field(writer: ByteWriter, code: string, value: string | undefined): void {
  if (value === undefined || value === '') return
  writer.u8(code.charCodeAt(0))
  zeroEnded(writer, value.replace(/\0/g, ''))
}

export function errorResponse(writer: ByteWriter, error: PolylogError, severity: Severity): void {
  const mark = beginMessage(writer, 'E')
  const { detail } = error
  field(writer, 'S', severity)
  field(writer, 'V', severity)
  field(writer, 'C', sqlStateOf(error))
  field(writer, 'M', error.message || 'unknown error')
  field(writer, 'D', textOf(detail['detail']))
  field(writer, 'H', detail.hint)
  field(writer, 'P', detail.position === undefined ? undefined : String(detail.position))
  field(writer, 'W', textOf(detail['where']))
  field(writer, 's', textOf(detail['schema']))
  field(writer, 't', detail.collection)
  field(writer, 'c', detail.column)
  field(writer, 'd', textOf(detail['dataType']))
  field(writer, 'n', detail.constraint)
  writer.u8(0)
  endMessage(writer, mark)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

export interface WireNotice {
  readonly severity: 'NOTICE' | 'WARNING' | 'INFO'
  readonly sqlState: string
  readonly message: string
  readonly detail?: string
  readonly hint?: string
}

export function noticeResponse(writer: ByteWriter, notice: WireNotice): void {
  const mark = beginMessage(writer, 'N')
  field(writer, 'S', notice.severity)
  field(writer, 'V', notice.severity)
  field(writer, 'C', notice.sqlState)
  field(writer, 'M', notice.message)
  if (notice.detail !== undefined) field(writer, 'D', notice.detail)
  if (notice.hint !== undefined) field(writer, 'H', notice.hint)
  writer.u8(0)
  endMessage(writer, mark)
}
