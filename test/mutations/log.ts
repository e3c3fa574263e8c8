/** Frames, parts, records, and what a start makes of what a crash has left. */
import { mutationsOf, type Mutation } from './mutation.ts'

const file = ['src/log/file/frame.test.ts', 'src/log/file/recovery.test.ts', 'src/log/file/golden.test.ts']
const record = ['src/log/record.test.ts']

export const logMutations: readonly Mutation[] = [
  ...mutationsOf('src/log/file/frame.ts', file, [
    [
      'a frame is believed without its checksum',
      'if (crc32(bytes.subarray(at + 4, at + length), number) !== checksum) return undefined',
      '',
    ],
    [
      'a frame of another segment passes',
      'crc32(bytes.subarray(at + 4, at + length), number) !== checksum',
      'crc32(bytes.subarray(at + 4, at + length), number) !== checksum && crc32(bytes.subarray(at + 4, at + length), number - 1) !== checksum',
    ],
    [
      'a frame may say that what follows it is synced',
      'syncedOffset > positionOf(number, offset)) return undefined',
      'syncedOffset > positionOf(segment + 1, offset)) return undefined',
    ],
    [
      'a last part may be short of its record',
      '(last ? offset + size !== pieceLength',
      '(last ? offset + size > pieceLength',
    ],
    ['records need not fill their frame', 'return at === payload.length ? offsets : undefined', 'return offsets'],
    ['a frame keeps what lay behind it', 'bytes.fill(0, at + length, at + padded(length))', ''],
  ]),
  ...mutationsOf(
    'src/log/memory-log.ts',
    ['src/log/memory-log.test.ts'],
    [
      ['a reader gets the bytes of a segment itself', 'bytes: batch.bytes.slice(),', 'bytes: batch.bytes,'],
      ['a segment is used again while a batch of it is kept', '--this.#batches === 0', '--this.#batches < 3'],
    ],
  ),
  ...mutationsOf('src/log/file/log-scan.ts', file, [
    ['a term may go back', ' && frame.term >= this.term', ''],
    ['a synced position may go back', ' && frame.syncedOffset >= this.synced', ''],
    ['a frame may follow any other', 'frame.first === this.end + 1 && ', ''],
    [
      'a segment may follow another end',
      'if (header.previousChecksum !== previous.lastChecksum || header.firstSequence',
      'if (header.firstSequence',
    ],
    [
      'a segment of another database is accepted',
      'if (Buffer.compare(header.databaseId, this.databaseId) !== 0) {',
      'if (Buffer.compare(header.databaseId, this.databaseId) > 1) {',
    ],
  ]),
  ...mutationsOf('src/log/file/recovery.ts', file, [
    [
      'damage before a durable frame is a torn tail',
      'if (frame.syncedOffset > bad) {',
      'if (frame.syncedOffset > bad + 1_000_000) {',
    ],
    [
      'a damaged frame that is exactly durable is a torn tail',
      'const bad = positionOf(segment.number, segment.end)',
      'const bad = positionOf(segment.number, segment.end) + 512',
    ],
    ['a newest segment that was cut off is accepted', 'size >= noted.sizeBytes) return', 'size >= 0) return'],
    ['stale frames are left in place', 'this.staleSectors.push(frame.offset)', ''],
  ]),
  ...mutationsOf(
    'src/log/file/log-tail.ts',
    ['src/log/file/log-tail.test.ts'],
    [
      ['what is read is taken for durable', 'await active.file.sync()', ''],
      ['a follower does not look whether what it has read still stands', 'await this.checkLast(active)', ''],
      ['a follower stays in a segment that has a successor', 'if (await this.enterNext(active)) continue', ''],
      [
        'a segment that is gone is waited for',
        'if (!numbers.includes(active.segment.number)) throw trimmed',
        'if (false as boolean) throw trimmed',
      ],
    ],
  ),
  ...mutationsOf('src/log/file/parts.ts', file, [
    ['parts of an earlier term go on', 'if (group.term < term) this.groups.delete(id)', ';'],
  ]),
  ...mutationsOf('src/log/record.ts', record, [
    [
      'a record may be longer than its body',
      "if (this.number() !== end - this.at) this.fail('length')",
      'this.number()',
    ],
    [
      'a shared prefix is not checked',
      "if (shared > key.end - key.start) this.fail('shared prefix')\n    if (size > this.end - this.at) this.fail('key length')\n    if (shared + size > this.keyBuffer",
      'if (shared + size > this.keyBuffer',
    ],
    [
      'an end key shares with the key before',
      'copyInto(this.endBuffer, 0, key.bytes, key.start, key.start + shared)',
      'copyInto(this.endBuffer, 0, key.bytes, key.start, key.start + shared - 1)',
    ],
    [
      'bytes after the last operation are accepted',
      "if (--this.remaining === 0 && this.at !== this.end) this.fail('bytes after the last operation')",
      '--this.remaining',
    ],
    ['derived operations are fed', 'this.derived = (head & derivedBit) !== 0', 'this.derived = false'],
    ['an absent before image is an empty one', 'this.beforePresent = size > 0', 'this.beforePresent = size >= 0'],
  ]),
  ...mutationsOf(
    'src/log/file/parts.ts',
    ['src/log/file/file-log.test.ts'],
    [
      ['what was given up is kept open', 'this.groups.delete(part.group)\n      return undefined', 'return undefined'],
      [
        'a later piece may be the first',
        'const orphan = part.offset > 0 || part.later',
        'const orphan = part.offset > 0',
      ],
    ],
  ),
  ...mutationsOf(
    'src/log/file/file-log.ts',
    ['src/log/file/file-log.test.ts'],
    [
      ['what is staged is trimmed', 'if (segment.number >= this.path.framer.lowestOpenSegment) return', ''],
      ['what another leader has staged is taken over', 'this.path.framer.enterTerm()', 'this.path.framer.term++'],
    ],
  ),
  ...mutationsOf(
    'src/log/file/log-reader.ts',
    ['src/log/file/file-log.test.ts'],
    [
      [
        'a reader stops within a transaction',
        'if (batch.last >= to && batch.continues !== true) return',
        'if (batch.last >= to) return',
      ],
    ],
  ),
]
