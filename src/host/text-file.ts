/** Small text files: a format version, a name, a configuration. */
import { DiskError, type Disk } from './host.ts'

/** UTF-8 text of a file, up to `maxBytes` of it; undefined where there is no such file. Errors: `DiskError`. */
export async function readTextFile(disk: Disk, path: string, maxBytes: number): Promise<string | undefined> {
  try {
    const file = await disk.open(path, { mode: 'read' })
    try {
      const bytes = new Uint8Array(Math.min(maxBytes, await file.size()))
      return Buffer.from(bytes.subarray(0, await file.readAt(0, bytes))).toString()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.code === 'not-found') return undefined
    throw error
  }
}
