/** Whether a log that nobody has opened yet may hold anything: for a folder of which nothing else is known. */
import type { Disk } from '../../host/host.ts'
import { sectorBytes } from './frame.ts'
import { segmentName, segmentNumber } from './segment.ts'

/**
 * False where no frame was ever written: there is no segment, or just the first one, with zeros where frames begin. The
 * folder must be there. Errors: `DiskError`.
 */
export async function holdsFrames(disk: Disk, folder: string): Promise<boolean> {
  const numbers = (await disk.list(folder)).map(segmentNumber).filter((number) => number !== undefined)
  if (numbers.length === 0) return false
  if (numbers.length > 1 || numbers[0] !== 1) return true
  const file = await disk.open(`${folder}/${segmentName(1)}`, { mode: 'read', encryptsItself: true })
  try {
    const sector = new Uint8Array(sectorBytes)
    await file.readAt(sectorBytes, sector)
    return sector.some((byte) => byte !== 0)
  } finally {
    await file.close()
  }
}
