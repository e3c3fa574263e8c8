import fs from 'node:fs'
import { DiskError, type Disk, type DiskLock, type File, type OpenOptions } from '../host.ts'
import { toDiskError } from './disk-errors.ts'
import { RealFile } from './file.ts'
import { lockFolder } from './lock.ts'

/** The machine's file system, by Node's thread pool (callbacks: `fs.promises` costs several microseconds a call more). */
export function createRealDisk(): Disk {
  return { open, list, makeFolder, rename, link, remove, syncFolder, lock }
}

/** Only Linux promises that O_DSYNC reaches the medium; elsewhere a sync follows each write. */
const DSYNC_IS_DURABLE = process.platform === 'linux'

async function open(path: string, options: OpenOptions): Promise<File> {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = fs.constants
  const syncWrites = options.syncWrites === true
  const access = options.mode === 'read' ? O_RDONLY : options.mode === 'write' ? O_RDWR : O_RDWR | O_CREAT | O_EXCL
  const flags = access | (syncWrites && DSYNC_IS_DURABLE ? O_DSYNC : 0)
  const fd = await call<number>(path, (done) => fs.open(path, flags, 0o600, done))
  const stats = await call<fs.Stats>(path, (done) => fs.fstat(fd, done))
  if (stats.isDirectory()) {
    await call<void>(path, (done) => fs.close(fd, done))
    throw new DiskError('io', path, `${path}: is a folder`)
  }
  return new RealFile(fd, path, { writesAreDurable: syncWrites, syncsEachWrite: syncWrites && !DSYNC_IS_DURABLE })
}

async function list(path: string): Promise<string[]> {
  const names = await call<string[]>(path, (done) => fs.readdir(path, done))
  return names.sort()
}

async function makeFolder(path: string): Promise<void> {
  await call<void>(path, (done) => fs.mkdir(path, 0o700, done))
}

async function rename(from: string, to: string): Promise<void> {
  await call<void>(from, (done) => fs.rename(from, to, done))
}

async function link(from: string, to: string): Promise<void> {
  await call<void>(from, (done) => fs.link(from, to, done))
}

async function remove(path: string): Promise<void> {
  const stats = await call<fs.Stats>(path, (done) => fs.lstat(path, done))
  await call<void>(path, (done) => (stats.isDirectory() ? fs.rmdir(path, done) : fs.unlink(path, done)))
}

async function syncFolder(path: string): Promise<void> {
  const fd = await call<number>(path, (done) => fs.open(path, fs.constants.O_RDONLY, done))
  try {
    // Windows cannot sync a folder; its file system journals names by itself.
    if (process.platform !== 'win32') await call<void>(path, (done) => fs.fsync(fd, done))
  } finally {
    await call<void>(path, (done) => fs.close(fd, done))
  }
}

async function lock(path: string): Promise<DiskLock> {
  try {
    return await lockFolder(path)
  } catch (error) {
    throw toDiskError(error, path)
  }
}

function call<T>(path: string, start: (done: (error: Error | null, value?: T) => void) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => (error ? reject(toDiskError(error, path)) : resolve(value as T)))
  })
}
