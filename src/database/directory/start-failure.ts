/** What can go wrong with a data directory, in the words of `PolylogError`: with the place, and what to think of it. */
import { PolylogError } from '../../base/errors.ts'
import { DiskError } from '../../host/host.ts'
import { LogError } from '../../log/commit-log.ts'

/** The directory itself cannot be made: that is no damage. */
export function cannotMake(error: unknown, directory: string): unknown {
  if (!(error instanceof DiskError)) return error
  const code = error.code === 'access' ? 'denied' : error.code === 'no-space' ? 'disk_full' : 'io_error'
  return new PolylogError(code, `cannot make the data directory ${directory}: ${error.message}`, { cause: error })
}

/** Says which database's files are damaged, where the error does not by itself. */
export function locateDamage(error: unknown, name: string, folder: string): unknown {
  const where = `database "${name}" in ${folder}`
  if (error instanceof LogError && error.code === 'corrupt') {
    const { position, message } = error
    const place = position === undefined || message.includes(position) ? '' : ` (${position})`
    return new PolylogError('data_corrupted', `${where}/log: ${message}${place}`, { cause: error })
  }
  if (!(error instanceof PolylogError) || error.message.includes(folder)) return error
  if (error.code !== 'data_corrupted' && error.code !== 'data_newer') return error
  return new PolylogError(error.code, `${where}: ${error.message}`, { detail: error.detail, cause: error })
}

export function translateFailure(error: unknown, directory: string): unknown {
  if (error instanceof LogError) {
    return new PolylogError(error.code === 'no-space' ? 'disk_full' : 'io_error', error.message, { cause: error })
  }
  if (!(error instanceof DiskError)) return error
  const options = { cause: error }
  const messages: Record<DiskError['code'], () => PolylogError> = {
    locked: () => {
      const holder = error.pid === undefined ? '' : ` (process ${error.pid})`
      return new PolylogError('directory_locked', `${directory} is in use by another process${holder}`, options)
    },
    access: () => new PolylogError('denied', error.message, options),
    'no-space': () => new PolylogError('disk_full', error.message, options),
    // The directory has been found, so what has no place below it lies below a file.
    'not-found': () =>
      error.path === `${directory}/LOCK`
        ? new PolylogError('denied', `${error.path} is not a folder`, options)
        : new PolylogError('data_corrupted', missing(error), options),
    exists: () => new PolylogError('io_error', error.message, options),
    io: () => new PolylogError('io_error', error.message, options),
  }
  return messages[error.code]()
}

/** The system tells a file that is not there from one that has a file where a folder should be. */
function missing(error: DiskError): string {
  const { code } = (error.cause ?? {}) as { code?: unknown }
  return code === 'ENOTDIR' ? `${error.path} is not a folder, or not in one` : `${error.path} is missing`
}
