/**
 * `DIR/CONTENTS`: the databases that the directory must have, as text.
 *
 *   polylog contents 3
 *   <uuid> <name as a JSON string>        a line for each, in the order in which they were made
 *   dropped <uuid>                        a line for each that is gone, and whose folder may still be there
 *   crc32 <8 hex digits>                  of all bytes before this line
 *
 * Every line ends with a line feed. There is one way to write a list, and whatever is not written that way is damage. The
 * number is that of the data format. In format 2 the first line had none, and nothing was ever dropped.
 */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../base/errors.ts'

export interface ListedDatabase {
  readonly uuid: string
  readonly name: string
}

export interface Contents {
  readonly databases: readonly ListedDatabase[]
  /** Folders that are not needed any more. */
  readonly dropped: readonly string[]
}

/** The first line, by the data format. */
const firstLines = { 2: 'polylog contents', 3: 'polylog contents 3' } as const
export type ContentsFormat = keyof typeof firstLines

/** That directories of the present format have. */
export const contentsFormat: ContentsFormat = 3

/** As PostgreSQL's names have. */
export const maxNameBytes = 63
const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const linePattern = /^([0-9a-f-]{36}) (".*")$/
const droppedPattern = /^dropped ([0-9a-f-]{36})$/

export function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}

/** What is wrong with the name; undefined where nothing is. */
export function faultOfName(name: string): string | undefined {
  const bytes = Buffer.byteLength(name)
  if (bytes === 0 || bytes > maxNameBytes) return `the name of a database has 1 to ${maxNameBytes} bytes`
  if (name.includes('\0')) return 'the name of a database has no NUL character'
  // What a lone surrogate would become in UTF-8 is another name.
  return Buffer.from(name).toString() === name ? undefined : 'the name of a database is valid Unicode'
}

export function encodeContents({ databases, dropped }: Contents, format: ContentsFormat = contentsFormat): string {
  const lines = databases.map(({ uuid, name }) => `${uuid} ${JSON.stringify(name)}\n`)
  const gone = dropped.map((uuid) => `dropped ${uuid}\n`)
  const body = `${firstLines[format]}\n${lines.join('')}${gone.join('')}`
  return `${body}crc32 ${crc32(body).toString(16).padStart(8, '0')}\n`
}

/** Throws `data_corrupted`. */
export function decodeContents(bytes: Uint8Array, path: string): Contents & { readonly format: ContentsFormat } {
  const lines = Buffer.from(bytes).toString().split('\n')
  const format = lines[0] === firstLines[2] ? 2 : 3
  const databases: ListedDatabase[] = []
  const dropped: string[] = []
  for (const line of lines.slice(1, -2)) {
    const database = decodeLine(line)
    const uuid = droppedPattern.exec(line)?.[1]
    if (database !== undefined) databases.push(database)
    else if (uuid !== undefined && isUuid(uuid) && format > 2) dropped.push(uuid)
  }
  // Whatever was passed over is missing here.
  if (Buffer.compare(bytes, Buffer.from(encodeContents({ databases, dropped }, format))) !== 0) {
    throw new PolylogError('data_corrupted', `${path} is damaged: its checksum does not match`, {
      detail: { file: path },
    })
  }
  checkUnique(databases, path)
  return { databases, dropped, format }
}

/** Throws `data_corrupted` where two have one name: one would hide the other. */
export function checkUnique(databases: readonly ListedDatabase[], path: string): void {
  const uuids = new Map<string, string>()
  for (const { uuid, name } of databases) {
    const other = uuids.get(name)
    if (other !== undefined) {
      throw new PolylogError('data_corrupted', `${path} has two databases named "${name}": ${other} and ${uuid}`)
    }
    uuids.set(name, uuid)
  }
}

function decodeLine(line: string): ListedDatabase | undefined {
  const [, uuid, json] = linePattern.exec(line) ?? []
  if (uuid === undefined || json === undefined || !isUuid(uuid)) return undefined
  try {
    const name = JSON.parse(json) as string
    return faultOfName(name) === undefined ? { uuid, name } : undefined
  } catch {
    return undefined
  }
}
