/** `polylog key rotate`: another key for an encrypted directory, and a further data key for what is written from then on. */
import { parseArgs } from 'node:util'
import { PolylogError } from '../base/errors.ts'
import { changeKey } from '../database/directory/keys-file.ts'
import { translateFailure } from '../database/directory/start-failure.ts'
import { Instance } from '../database/instance.ts'
import type { Host } from '../host/host.ts'
import { log } from '../host/real/log.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { readSmallFile } from '../host/small-file.ts'
import { theServer } from '../principal/audit.ts'
import { Sessions } from '../session/sessions.ts'
import { UsageError } from './arguments.ts'
import { keyOptions, readEncryptionKey } from './encryption-key.ts'

const options = {
  data: { type: 'string' },
  ...keyOptions,
  'new-key-file': { type: 'string' },
  'new-key-command': { type: 'string' },
} as const

export async function keyCommand(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args)
  if (positionals.length !== 1 || positionals[0] !== 'rotate') throw new UsageError('polylog key takes: rotate')
  const { encryptionKey: from } = await readEncryptionKey(values)
  const { encryptionKey: to } = await readEncryptionKey(values, 'new')
  if (from === undefined || to === undefined) {
    throw new UsageError(
      'polylog key rotate takes the present key (--encryption-key-file) and the new one (--new-key-file)',
    )
  }
  const directory = values.data ?? 'polylog-data'
  if (directory === '' || directory.includes('\0')) throw new UsageError('--data takes the path of a folder')
  await rotate(directory, from, to)
  process.stdout.write(`${directory} opens with the new key from now on\n`)
}

function parse(args: readonly string[]): {
  values: { data?: string } & Readonly<Record<string, string>>
  positionals: string[]
} {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function rotate(directory: string, from: Uint8Array, to: Uint8Array): Promise<void> {
  const host = createRealHost()
  if ((await readSmallFile(host.disk, `${directory}/FORMAT`, 64)) === undefined) {
    throw new PolylogError('undefined_object', `${directory} is no data directory: it has no FORMAT`)
  }
  try {
    const lock = await host.disk.lock(`${directory}/LOCK`)
    try {
      await changeKey(host, directory, from, to)
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw translateFailure(error, directory)
  }
  await tellAudit(host, directory, to)
}

/** Where there are users, it is written down; the key is changed in any case. */
async function tellAudit(host: Host, directory: string, encryptionKey: Uint8Array): Promise<void> {
  try {
    const instance = await Instance.open({ host, directory, encryptionKey }, 'polylog')
    const sessions = new Sessions(host, () => instance.databases, { catalog: instance })
    const { audit } = sessions.principals
    audit.record({ event: 'encryption key changed', by: theServer, object: directory })
    await audit.settle()
    sessions.close()
    await instance.close()
  } catch (error) {
    log('warning', `the key is changed, and the audit has no row of it: ${(error as Error).message}`)
  }
}
