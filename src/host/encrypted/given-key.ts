/** The key that is given to open an encrypted directory, in the forms in which people keep one. */
import { keyBytes } from './encryption.ts'

/** 32 bytes as they are, or as text of 64 hexadecimal digits or of base64; undefined where it is none of them. */
export function decodeGivenKey(given: Uint8Array): Uint8Array | undefined {
  const text = Buffer.from(given).toString('latin1').trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex')
  if (/^[\w+/-]{43}=?$/.test(text)) return Buffer.from(text, 'base64')
  // 32 letters are half of a key in hexadecimal, or a password: no random bytes look so.
  return given.length === keyBytes && !/^[\x20-\x7e\s]*$/.test(Buffer.from(given).toString('latin1'))
    ? given.slice()
    : undefined
}

export const keyForms = '32 random bytes, as they are, in hexadecimal or in base64'
