import { constants } from 'node:os'
import { DiskError, type DiskErrorCode } from '../host.ts'

/**
 * What the operating system says, in the few words the layers above can act on. `ENOTDIR` counts as `not-found`: a path
 * that leads through a file names nothing.
 */
const CODES: ReadonlyMap<string, DiskErrorCode> = new Map([
  ['ENOENT', 'not-found'],
  ['ENOTDIR', 'not-found'],
  ['EEXIST', 'exists'],
  ['ENOSPC', 'no-space'],
  ['EDQUOT', 'no-space'],
  ['EACCES', 'access'],
  ['EPERM', 'access'],
  ['EROFS', 'access'],
])

export function toDiskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error
  const { code, errno, message } = error as NodeJS.ErrnoException
  // libuv has no name for EDQUOT: it reaches us as "Unknown system error" with the number only.
  const quota = errno !== undefined && errno === -constants.errno.EDQUOT
  const known = quota ? 'no-space' : CODES.get(code ?? '')
  return new DiskError(known ?? 'io', path, `${path}: ${message}`, { cause: error })
}
