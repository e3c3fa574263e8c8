/**
 * Where sockets in the file system lie. Each client has its own idea of their names: libpq takes a folder, and looks for
 * `.s.PGSQL.PORT` in it; MongoDB's drivers take nothing for a path that does not end with `.sock`. A socket is not told apart by
 * its name, so that any of them serves all protocols.
 */
import { type Disk, DiskError } from '../host/host.ts'

/** Of a folder that is there: the two in it; else the path itself. */
export async function socketPaths(disk: Disk, path: string, port: number): Promise<readonly string[]> {
  const folder = path.replace(/(?<=.)\/+$/, '')
  return (await isFolder(disk, folder)) ? [`${folder}/.s.PGSQL.${port}`, `${folder}/polylog.sock`] : [path]
}

async function isFolder(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.list(path)
    return true
  } catch (error) {
    if (error instanceof DiskError) return false
    throw error
  }
}
