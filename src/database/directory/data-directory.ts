/**
 * What a data directory must hold, so that a lost or damaged file is told from one that was never made.
 *
 *   FORMAT              the version of everything beside it, as a decimal number and a line feed
 *   CONTENTS            the databases that there must be (`contents.ts`)
 *   databases/<uuid>/   a database; `name` in it is its name, UTF-8, the same as in CONTENTS
 *
 * A new directory is made in this order, each step durable before the next: `databases/`; CONTENTS, which lists nothing;
 * FORMAT. A database is made in this order: its folder with an empty log and its `name`; then CONTENTS is replaced by one
 * that lists it. Nothing is written to a database before it is listed. It is dropped in this order: CONTENTS is replaced
 * by one that names its folder as dropped; the folder goes, from the inside out; CONTENTS forgets it. A start goes on with
 * what it finds dropped. Therefore
 *
 *   found                                            it is
 *   no FORMAT, CONTENTS missing or listing nothing,  a directory that was being made: it is made now
 *     `databases/` missing or empty
 *   no FORMAT, and anything more than that           damage: FORMAT is lost
 *   FORMAT, and no CONTENTS or no `databases/`       damage
 *   a folder that is not listed and holds no data    a database that was being made: it is not looked at
 *   a folder that is named as dropped                what is left of a database: it is removed
 *   a folder that is not listed and holds data       damage: CONTENTS is not the newest
 *   a listed database without folder, name or log    damage
 *
 * Format 1 had no CONTENTS: a database was there once its `name` was. A folder with data and no name is damage there, too.
 * It gets its CONTENTS, then FORMAT; a crash between the two leaves a directory of format 1, whose CONTENTS counts for
 * nothing. Of format 2 it is the content of the databases that was other: they are brought up to date when they are opened
 * (`migrations/migrations.ts`), and FORMAT names the present version before the first of them is. Format 4 is format 3, but
 * that large transactions may lie in pieces in the log, that collections may have stores of their own, and that long strings
 * of Redis lie in pieces: nothing in a directory of format 3 has to change. Format 5 is format 4, but that the catalog may hold
 * prepared transactions, whose locks an older Polylog would not hold.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Disk } from '../../host/host.ts'
import { readSmallFile } from '../../host/small-file.ts'
import { faultOfLog, makeEmptyLog } from '../../log/file/segment-files.ts'
import { holdsFrames } from '../../log/file/unused-log.ts'
import { isCheckpoint } from './checkpoints.ts'
import {
  checkUnique,
  type Contents,
  contentsFormat,
  type ContentsFormat,
  decodeContents,
  encodeContents,
  faultOfName,
  isUuid,
  type ListedDatabase,
  maxNameBytes,
} from './contents.ts'
import { listFolder, makeFolders, removeTree, writeSmallFile } from './small-files.ts'

/** Grows with every change of a byte layout; older ones are migrated. */
export const formatVersion = 5

const formatBytesMax = 64
const contentsBytesMax = 64 * 1024 * 1024
const contentsName = 'CONTENTS'

type FoundContents = Contents & { readonly format: ContentsFormat }

export class DataDirectory {
  readonly path: string
  readonly #disk: Disk
  #contents: Contents
  #writing: Promise<void> = Promise.resolve()

  private constructor(disk: Disk, path: string, contents: Contents) {
    this.#disk = disk
    this.path = path
    this.#contents = contents
  }

  /**
   * Reads what there is, and makes what is missing where the directory is new. The caller holds its lock. Errors:
   * `data_corrupted`, `data_newer`, `DiskError`.
   */
  static async open(disk: Disk, path: string): Promise<DataDirectory> {
    const version = (await readFormat(disk, path)) ?? (await begin(disk, path))
    // What an earlier life named and was killed before it synced must not be lost once somebody relies on it.
    await disk.syncFolder(path)
    const folders = await listFolder(disk, `${path}/databases`)
    if (folders === undefined) throw damaged(`${path}/databases is missing or no folder`)
    await disk.syncFolder(`${path}/databases`)
    const isFirst = version === 1
    const found = isFirst ? await readNames(disk, path, folders) : await readContents(disk, path, version, folders)
    // Of older formats: what lies beside the databases is brought up to date, and FORMAT is never behind CONTENTS.
    if (isFirst) await writeSmallFile(disk, path, contentsName, encodeContents(found, 2))
    if (version < formatVersion) await writeSmallFile(disk, path, 'FORMAT', `${formatVersion}\n`)
    if (found.format < contentsFormat) await writeSmallFile(disk, path, contentsName, encodeContents(found))
    const directory = new DataDirectory(disk, path, found)
    for (const uuid of found.dropped) await directory.#clear(uuid)
    return directory
  }

  /**
   * The databases of a directory that another process holds, as it lists them now: nothing is made, locked or written.
   * Errors: `data_corrupted`, `data_newer`, `unsupported` for an older format, which only who holds it can bring up to date.
   */
  static async look(disk: Disk, path: string): Promise<readonly ListedDatabase[]> {
    const version = await readFormat(disk, path)
    if (version === undefined) throw new PolylogError('undefined_object', `${path} is no data directory`)
    if (version < formatVersion) {
      throw new PolylogError('unsupported', `${path} has format ${version}: it must be opened for writing once`)
    }
    const bytes = await readSmallFile(disk, `${path}/${contentsName}`, contentsBytesMax)
    if (bytes === undefined) throw damaged(`${path}/${contentsName} is missing: it lists the databases`)
    return decodeContents(bytes, `${path}/${contentsName}`).databases
  }

  get listed(): readonly ListedDatabase[] {
    return this.#contents.databases
  }

  folderOf(uuid: string): string {
    return `${this.path}/databases/${uuid}`
  }

  /** A new, empty database: it is there, durably, when this resolves. */
  async add(database: ListedDatabase): Promise<void> {
    await this.#make(database)
    await this.#change(({ databases, dropped }) => ({ databases: [...databases, database], dropped }))
  }

  /** Its folder. Nothing of it counts before it is listed, so it is made durable all at once, and in no order. */
  async #make({ uuid, name }: ListedDatabase): Promise<void> {
    const disk = this.#disk
    const folder = this.folderOf(uuid)
    await disk.makeFolder(folder)
    await makeEmptyLog(disk, `${folder}/log`)
    const file = await disk.open(`${folder}/name`, { mode: 'create' })
    try {
      await file.writeAt(0, Buffer.from(name))
      const folders = [`${folder}/log`, folder, `${this.path}/databases`]
      await Promise.all([file.sync(), ...folders.map((each) => disk.syncFolder(each))])
    } finally {
      await file.close()
    }
  }

  /**
   * The database, which nobody has open, is gone, durably, when this resolves. What is left of its folder goes now, or at
   * the next start.
   */
  async drop(dropped: ListedDatabase): Promise<void> {
    await this.#change((contents) => ({
      databases: contents.databases.filter(({ uuid }) => uuid !== dropped.uuid),
      dropped: [...contents.dropped, dropped.uuid],
    }))
    await this.#clear(dropped.uuid).catch(() => undefined)
  }

  /** Of a database that is dropped. */
  async #clear(uuid: string): Promise<void> {
    await removeTree(this.#disk, this.folderOf(uuid))
    await this.#disk.syncFolder(`${this.path}/databases`)
    await this.#change(({ databases, dropped }) => ({ databases, dropped: dropped.filter((each) => each !== uuid) }))
  }

  /** One after the other: each makes a list of the one before. */
  #change(change: (contents: Contents) => Contents): Promise<void> {
    const changing = this.#writing.then(async () => {
      const contents = change(this.#contents)
      await writeSmallFile(this.#disk, this.path, contentsName, encodeContents(contents))
      this.#contents = contents
    })
    this.#writing = changing.catch(() => undefined)
    return changing
  }
}

/** Undefined where there is none. */
async function readFormat(disk: Disk, path: string): Promise<number | undefined> {
  const bytes = await readSmallFile(disk, `${path}/FORMAT`, formatBytesMax)
  if (bytes === undefined) return undefined
  const text = Buffer.from(bytes).toString('latin1')
  if (!/^[1-9]\d{0,8}\n$/.test(text)) throw damaged(`${path}/FORMAT does not hold a version number`)
  const version = Number(text)
  if (version <= formatVersion) return version
  const message = `${path} has format ${version}, written by a newer Polylog; this one knows up to ${formatVersion}`
  throw new PolylogError('data_newer', message)
}

/** Makes the directory, or what of it a crash has left unmade. */
async function begin(disk: Disk, path: string): Promise<number> {
  const folders = (await listFolder(disk, `${path}/databases`)) ?? []
  const contents = await readSmallFile(disk, `${path}/${contentsName}`, contentsBytesMax)
  const listed = contents === undefined ? [] : decodeContents(contents, `${path}/${contentsName}`).databases
  if (folders.length > 0 || listed.length > 0) {
    throw damaged(`${path}/FORMAT is missing, and there are databases: the version of their format is lost`)
  }
  await makeFolders(disk, `${path}/databases`)
  await writeSmallFile(disk, path, contentsName, encodeContents({ databases: [], dropped: [] }))
  await writeSmallFile(disk, path, 'FORMAT', `${formatVersion}\n`)
  return formatVersion
}

async function readContents(
  disk: Disk,
  path: string,
  version: number,
  folders: readonly string[],
): Promise<FoundContents> {
  const bytes = await readSmallFile(disk, `${path}/${contentsName}`, contentsBytesMax)
  if (bytes === undefined) throw damaged(`${path}/${contentsName} is missing: it lists the databases`)
  const found = decodeContents(bytes, `${path}/${contentsName}`)
  if (found.format > version) throw damaged(`${path}/FORMAT is older than ${path}/${contentsName}`)
  const there = new Set(folders)
  for (const database of found.databases) await checkDatabase(disk, path, database, there)
  const known = new Set([...found.databases.map(({ uuid }) => uuid), ...found.dropped])
  for (const uuid of folders) {
    if (known.has(uuid) || !(await holdsData(disk, `${path}/databases/${uuid}`))) continue
    throw damaged(`${path}/databases/${uuid} holds data, and ${path}/${contentsName} does not list it`)
  }
  return found
}

/** By names only: what is in the files is looked at when the database is opened. */
async function checkDatabase(
  disk: Disk,
  path: string,
  { uuid, name }: ListedDatabase,
  folders: ReadonlySet<string>,
): Promise<void> {
  const folder = `${path}/databases/${uuid}`
  if (!folders.has(uuid)) throw damaged(`${folder} is missing: it held database "${name}"`)
  const bytes = await readSmallFile(disk, `${folder}/name`, maxNameBytes + 1)
  if (bytes === undefined) throw damaged(`${folder}/name is missing: it held the name of database "${name}"`)
  if (Buffer.compare(bytes, Buffer.from(name)) !== 0) {
    throw damaged(`${folder}/name is damaged: ${path}/${contentsName} says that it is database "${name}"`)
  }
  const fault = await faultOfLog(disk, `${folder}/log`)
  if (fault !== undefined) throw damaged(`database "${name}" in ${folder}/log: ${fault}`)
}

/** The databases of a directory of format 1. */
async function readNames(disk: Disk, path: string, folders: readonly string[]): Promise<FoundContents> {
  const found: ListedDatabase[] = []
  for (const uuid of folders) {
    const folder = `${path}/databases/${uuid}`
    const bytes = await readSmallFile(disk, `${folder}/name`, maxNameBytes + 1)
    if (bytes === undefined) {
      if (await holdsData(disk, folder)) throw damaged(`${folder}/name is missing, and there is data beside it`)
      continue
    }
    const name = Buffer.from(bytes).toString()
    const isText = Buffer.compare(Buffer.from(name), bytes) === 0
    if (!isText || faultOfName(name) !== undefined) throw damaged(`${folder}/name does not hold a name`)
    if (!isUuid(uuid)) throw damaged(`${folder} is not named as the folder of a database`)
    await disk.syncFolder(folder)
    found.push({ uuid, name })
  }
  checkUnique(found, path)
  return { databases: found, dropped: [], format: 2 }
}

/** Whether anything was ever written to the database in the folder, or to what is left of it. */
async function holdsData(disk: Disk, folder: string): Promise<boolean> {
  const checkpoints = (await listFolder(disk, `${folder}/checkpoint`)) ?? []
  if (checkpoints.some(isCheckpoint)) return true
  return (await listFolder(disk, `${folder}/log`)) !== undefined && holdsFrames(disk, `${folder}/log`)
}

function damaged(message: string): PolylogError {
  return new PolylogError('data_corrupted', message)
}
