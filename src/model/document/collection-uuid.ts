/**
 * The UUID by which MongoDB's clients tell a collection from another that had its name: of its number, which it keeps when it is
 * renamed and which none gets again in its database. The rest is the same everywhere, of the version for one's own use (8).
 *
 *   uuid := 70 6f 6c 79 6c 6f 87 80 80 00 00 00, number u32 big-endian
 */
export const uuidSubtype = 4

const head = [0x70, 0x6f, 0x6c, 0x79, 0x6c, 0x6f, 0x87, 0x80, 0x80, 0, 0, 0] as const

export function collectionUuid(number: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes.set(head)
  new DataView(bytes.buffer).setUint32(12, number)
  return bytes
}
