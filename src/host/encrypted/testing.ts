/** For tests: an encrypted disk without a directory's KEYS. Nothing outside of tests imports this. */
import type { Disk, Host } from '../host.ts'
import { hostWith } from '../host-with.ts'
import { encryptedDisk } from './encrypted-disk.ts'
import { Encryption } from './encryption.ts'

/** The same in each life of a process. */
const testKey: Uint8Array = new Uint8Array(32).fill(0x17)

export function encryptedHost(host: Host, directory: string): Host {
  return hostWith(host, { disk: encryptedDiskOf(host.disk, directory, host) })
}

export function encryptedDiskOf(disk: Disk, directory: string, host: Pick<Host, 'random'>): Disk {
  return encryptedDisk(disk, directory, new Encryption(new Map([[1, testKey]]), (into) => host.random(into)))
}
