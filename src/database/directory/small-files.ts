/**
 * Folders, and small files that are written whole: under another name first, synced, renamed, the folder synced. So what
 * has the name has all of the content, and what is written later is durable later.
 */
import { DiskError, type Disk } from '../../host/host.ts'

/** All of it or nothing, also in a crash; durable when this resolves. */
export async function writeSmallFile(disk: Disk, folder: string, name: string, text: string): Promise<void> {
  const part = `${folder}/${name}.part`
  await disk.remove(part).catch((error: unknown) => ignore(error, 'not-found'))
  const file = await disk.open(part, { mode: 'create' })
  try {
    await file.writeAt(0, Buffer.from(text))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(part, `${folder}/${name}`)
  await disk.syncFolder(folder)
}

/** Makes the folder and those above it, each durable in the one above. */
export async function makeFolders(disk: Disk, path: string): Promise<void> {
  try {
    await disk.makeFolder(path)
  } catch (error) {
    if (error instanceof DiskError && error.code === 'exists') return
    if (!(error instanceof DiskError && error.code === 'not-found') || parentOf(path) === path) throw error
    await makeFolders(disk, parentOf(path))
    await disk.makeFolder(path)
  }
  await disk.syncFolder(parentOf(path))
}

/**
 * Makes the directory's own name durable. It may be there and not be durable: whoever made it may have been killed before
 * it synced the folder above, and a power failure would then take everything with it. The same holds of what is inside.
 */
export async function syncAncestors(disk: Disk, path: string): Promise<void> {
  for (let at = path; parentOf(at) !== at;) {
    at = parentOf(at)
    await disk.syncFolder(at).catch((error: unknown) => ignore(error, 'access'))
  }
}

/** Undefined where there is no such folder. */
export async function listFolder(disk: Disk, path: string): Promise<string[] | undefined> {
  try {
    return await disk.list(path)
  } catch (error) {
    ignore(error, 'not-found')
    return undefined
  }
}

/** The folder with everything in it, from the inside out; what is not there needs no removing. */
export async function removeTree(disk: Disk, path: string): Promise<void> {
  for (const name of (await listFolder(disk, path)) ?? []) await removeTree(disk, `${path}/${name}`)
  await disk.remove(path).catch((error: unknown) => ignore(error, 'not-found'))
}

function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at < 0 ? '.' : at === 0 ? '/' : path.slice(0, at)
}

function ignore(error: unknown, code: DiskError['code']): void {
  if (!(error instanceof DiskError && error.code === code)) throw error
}
