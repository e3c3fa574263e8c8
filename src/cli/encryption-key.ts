/** The key of an encrypted directory, as all commands take it. */
import { decodeGivenKey, keyForms } from '../host/encrypted/given-key.ts'
import { readKeyFile, readKeyOfCommand } from '../host/real/key-source.ts'
import { log } from '../host/real/log.ts'
import { UsageError } from './arguments.ts'

export const keyOptions = {
  'encryption-key-file': { type: 'string' },
  'encryption-key-command': { type: 'string' },
} as const

export type KeyValues = { readonly [name in keyof typeof keyOptions]?: string | boolean | undefined }

/** `prefix`: what the options of this key begin with. */
export async function readEncryptionKey(
  values: Readonly<Record<string, string | boolean | undefined>>,
  prefix: 'encryption' | 'new' = 'encryption',
): Promise<{ readonly encryptionKey?: Uint8Array }> {
  const [fileOption, commandOption] = [`${prefix}-key-file`, `${prefix}-key-command`]
  const [file, command] = [values[fileOption], values[commandOption]]
  if (file !== undefined && command !== undefined) {
    throw new UsageError(`--${fileOption} and --${commandOption} exclude each other`)
  }
  if (file === undefined && command === undefined) return {}
  const option = file === undefined ? commandOption : fileOption
  const bytes = await (file === undefined ? readKeyOfCommand(String(command)) : readFile(String(file))).catch(
    (error: unknown) => {
      throw new UsageError(`--${option}: ${(error as Error).message}`)
    },
  )
  const encryptionKey = decodeGivenKey(bytes)
  if (encryptionKey === undefined) throw new UsageError(`--${option}: a key is ${keyForms}`)
  return { encryptionKey }
}

/** A server that runs has its own. */
export function checkOfDirectory(key: { readonly encryptionKey?: Uint8Array }, url: string | undefined): void {
  if (key.encryptionKey === undefined || url === undefined) return
  throw new UsageError('an encryption key is for --data: a running server, which --url names, has its own')
}

async function readFile(path: string): Promise<Uint8Array> {
  const { bytes, isShared } = await readKeyFile(path)
  if (isShared)
    log('warning', 'others than its owner may use the file of the encryption key: chmod 600', { file: path })
  return bytes
}
