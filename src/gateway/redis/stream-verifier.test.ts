/** What the verifier says of streams that are damaged: each damage is told, and a whole stream is not. */
import { expect, it } from 'vitest'
import { sliceOf, type Slice } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import type { Transaction } from '../../database/contract.ts'
import { index } from '../../model/keyvalue/keys.ts'
import { verifyDatabase } from '../../session/verification.ts'
import { openTestServer } from './testing.ts'

type Damage = (tx: Transaction, first: (of: number) => { key: Slice; value: Slice }) => void

const nothing = sliceOf(new Uint8Array(0))

/** A key with another last byte, or one before it. */
function changed({ bytes, start, end }: Slice, back = 1): KeyWriter {
  const key = new KeyWriter(64)
  key.copy(bytes, start, end)
  key.bytes[key.end - back]! ^= 0x40
  return key
}

const damages: readonly (readonly [what: string, damage: Damage, told: RegExp])[] = [
  ['nothing', () => undefined, /^$/],
  ['an entry is missing', (tx, first) => tx.delete(first(index.entry).key), /it says 2 elements, and has 1/],
  [
    'an entry lies above the last id',
    (tx, first) => tx.put(changed(first(index.entry).key, 9), first(index.entry).value),
    /its last id is 2-0/,
  ],
  [
    'an entry has a field without a value',
    (tx, first) => tx.put(first(index.entry).key, sliceOf(new Uint8Array([1, 1, 65]))),
    /1 fields and values/,
  ],
  ['a group is missing', (tx, first) => tx.delete(first(index.group).key), /belongs to no group/],
  ['a consumer is missing', (tx, first) => tx.delete(first(index.consumer).key), /a consumer that is not there/],
  [
    'what is pending is missing',
    (tx, first) => tx.delete(first(index.pending).key),
    /the list has what is not pending/,
  ],
  [
    'a list lacks what is pending',
    (tx, first) => tx.delete(first(index.owned).key, 'derived'),
    /not in the list of its consumer/,
  ],
  [
    'a list has more',
    (tx, first) => tx.put(changed(first(index.owned).key), nothing, 'derived'),
    /the list has what is not pending/,
  ],
  [
    'it is pending for another one',
    (tx, first) => {
      const { key, value } = first(index.pending)
      const other = value.bytes.slice(value.start, value.end)
      other[other.length - 1] = 0x78
      tx.put(key, sliceOf(other))
    },
    /pending for another consumer/,
  ],
]

it.each(damages)('%s', async (_, damage, told) => {
  const server = await openTestServer()
  const client = server.connect()
  for (const line of [
    'XADD s 1-0 f v',
    'XADD s 2-0 f v',
    'XGROUP CREATE s g 0',
    'XREADGROUP GROUP g ann STREAMS s >',
  ]) {
    await client.sendLine(line)
  }
  const session = server.sessions.openSession({ user: 'test', door: 'test' })
  await session.run((tx) => {
    const space = tx.catalog.findCollection('redis', 'db0')!
    const first = (of: number): { key: Slice; value: Slice } => {
      const cursor = tx.scan(keyspaceRange(space.id, of))
      cursor.next()
      const { key, value } = cursor
      return {
        key: sliceOf(key.bytes.slice(key.start, key.end)),
        value: sliceOf(value.bytes.slice(value.start, value.end)),
      }
    }
    damage(tx, first)
  })
  session.close()
  const { differences } = await verifyDatabase(server.sessions, server.database)
  expect(differences.map(({ message }) => message).join('; ')).toMatch(told)
  await server.close()
})
