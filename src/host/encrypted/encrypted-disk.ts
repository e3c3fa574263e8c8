/**
 * A disk on which every file of a data directory is encrypted, whoever writes it: nothing has to think of it, and nothing
 * can be forgotten. What stays as it is, is listed here:
 *
 *   FORMAT        the version of the directory, which is asked for before there is a key
 *   KEYS          the data keys, which are encrypted with the key that is given (`database/directory/keys-file.ts`)
 *   LOCK/, *.lock locks, which hold no data
 *   log/          its segments are encrypted by the log itself, frame by frame (`OpenOptions.encryptsItself`): they are
 *                 written in place, sector by sector, and what a crash leaves of them must be told apart
 *
 * A file's key depends on the database in whose folder it lies, so that one database's file is none of another's. Names,
 * sizes and times are not hidden.
 */
import { assert } from '../../base/errors.ts'
import type { Disk, File, OpenOptions } from '../host.ts'
import { EncryptedFile } from './encrypted-file.ts'
import type { Encryption } from './encryption.ts'

const openFiles: ReadonlySet<string> = new Set(['FORMAT', 'FORMAT.part', 'KEYS', 'KEYS.part'])
const databasePattern = /^databases\/([^/]+)\//

export function encryptedDisk(disk: Disk, directory: string, encryption: Encryption): Disk {
  const purposeOf = (path: string): string | undefined => {
    if (path === directory) return 'directory'
    assert(path.startsWith(`${directory}/`), `${path} does not lie in the encrypted directory ${directory}`)
    const name = path.slice(directory.length + 1)
    if (openFiles.has(name)) return undefined
    const uuid = databasePattern.exec(name)?.[1]
    return uuid === undefined ? 'directory' : `database ${uuid}`
  }
  /** What a database's file is called anew is that database's. */
  const checkSame = (from: string, to: string): void => {
    if (purposeOf(from) !== purposeOf(to)) assert(false, `${from} would be ${to}, whose key is another one`)
  }
  const open = async (path: string, options: OpenOptions): Promise<File> => {
    const purpose = options.encryptsItself === true ? undefined : purposeOf(path)
    if (purpose === undefined) return disk.open(path, options)
    const { mode, syncWrites: syncsWrites = false } = options
    const under = await disk.open(path, options)
    if (mode === 'create') return EncryptedFile.make(under, path, encryption, { purpose, syncsWrites })
    try {
      return await EncryptedFile.open(under, path, encryption, { purpose, isWritable: mode === 'write', syncsWrites })
    } catch (error) {
      await under.close()
      throw error
    }
  }
  return {
    open,
    encryption,
    list: (path) => disk.list(path),
    makeFolder: (path) => disk.makeFolder(path),
    rename: async (from, to) => {
      checkSame(from, to)
      await disk.rename(from, to)
    },
    link: async (from, to) => {
      checkSame(from, to)
      await disk.link(from, to)
    },
    remove: (path) => disk.remove(path),
    syncFolder: (path) => disk.syncFolder(path),
    lock: (path) => disk.lock(path),
  }
}
