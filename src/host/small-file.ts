/** Small files, read whole: a format version, a name, a configuration. */
import { DiskError, type Disk } from './host.ts'

/** The bytes of a file, up to `maxBytes` of it; undefined where there is no such file. Errors: `DiskError`. */
export async function readSmallFile(disk: Disk, path: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    const file = await disk.open(path, { mode: 'read' })
    try {
      const bytes = new Uint8Array(Math.min(maxBytes, await file.size()))
      return bytes.subarray(0, await file.readAt(0, bytes))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.code === 'not-found') return undefined
    throw error
  }
}

/** The same as UTF-8 text. */
export async function readTextFile(disk: Disk, path: string, maxBytes: number): Promise<string | undefined> {
  const bytes = await readSmallFile(disk, path, maxBytes)
  return bytes === undefined ? undefined : Buffer.from(bytes).toString()
}
