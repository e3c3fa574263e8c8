/** What lies in the stores: keys, sorted files, checkpoints, and the small files beside them. */
import { crc32 } from 'node:zlib'
import { PolylogError } from '../../../src/base/errors.ts'
import { copySlice, sliceOf } from '../../../src/base/slice.ts'
import { KeyReader } from '../../../src/base/tuple-reader.ts'
import { KeyWriter, tag } from '../../../src/base/tuple.ts'
import { decodeContents, encodeContents } from '../../../src/database/directory/contents.ts'
import { decodeNote } from '../../../src/database/following/follower-note.ts'
import type { Disk } from '../../../src/host/host.ts'
import { createRealHost } from '../../../src/host/real/real-host.ts'
import { createMemoryDisk } from '../../../src/host/simulated/memory-disk.ts'
import type { SeededRandom } from '../../../src/host/simulated/random.ts'
import { readCheckpoint } from '../../../src/storage/memory/checkpoint-read.ts'
import { openMemoryStore } from '../../../src/storage/memory/memory.ts'
import { SortedFile } from '../../../src/storage/sorted-file/file.ts'
import { batch, bytesOf, key, numbers, value, write } from '../../../src/storage/sorted-file/testing.ts'
import { writeSortedFile } from '../../../src/storage/sorted-file/write.ts'
import { refusing, Unexpected, type Target } from '../target.ts'

// ---- keys

function keys(): Uint8Array[] {
  const of = (write: (writer: KeyWriter) => unknown): Uint8Array => {
    const writer = new KeyWriter()
    write(writer.begin(300, 2))
    return writer.toBytes()
  }
  return [
    of((writer) =>
      writer
        .int64(-5)
        .int64(2n ** 62n)
        .float8(1.5)
        .boolean(true),
    ),
    of((writer) =>
      writer
        .string('a\0b')
        .byteString(Uint8Array.of(0, 1, 0))
        .nullFirst(),
    ),
    of((writer) => writer.timestamp(77n).uuid(new Uint8Array(16)).objectId(new Uint8Array(12))),
    of((writer) => writer.beginArray().number(3).string('x').endNested().maxKey()),
  ]
}

function readKey(bytes: Uint8Array): void {
  const reader = new KeyReader(sliceOf(bytes))
  reader.orderedVarint()
  reader.orderedVarint()
  for (let found = reader.peek(); found !== undefined; found = reader.peek()) {
    const before = reader.position
    readElement(reader, found)
    if (reader.position <= before || reader.position > bytes.length) throw new Unexpected('a key that is not passed')
  }
}

function readElement(reader: KeyReader, found: number): unknown {
  if (found === tag.float8) return reader.float8()
  if (found === tag.string) return reader.string()
  if (found === tag.bytes) return reader.byteString()
  if (found === tag.objectId) return reader.objectId()
  if (found === tag.uuid) return reader.uuid()
  if (found === tag.timestamp) return reader.timestamp()
  if (found === tag.true || found === tag.false) return reader.boolean()
  if (Math.abs(found - tag.int64Zero) <= 8) return found % 2 === 0 ? reader.int64() : reader.integer()
  return reader.skipTag()
}

export const keyTarget: Target = {
  name: 'keys',
  title: 'keys of the ordered store',
  mostBytes: 1024,
  steps: { fixed: 500, perByte: 60 },
  open: () =>
    Promise.resolve({
      seeds: keys(),
      words: Object.values(tag).map((one) => Uint8Array.of(one)),
      run: (input: Uint8Array) => refusing(() => readKey(input), PolylogError),
    }),
}

// ---- files

/** Reads what `run` gives, and takes no error but what a damaged file is told by. */
async function damaged(run: () => Promise<unknown>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof PolylogError && (error.code === 'data_corrupted' || error.code === 'data_newer')))
      throw error
  }
}

async function replace(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(path).catch(() => undefined)
  await write(disk, path, bytes)
}

async function sortedFiles(): Promise<Uint8Array[]> {
  const disk = createMemoryDisk()
  const files: Uint8Array[] = []
  for (const changes of [
    [],
    numbers(0, 3, 'v'),
    numbers(0, 300, 'some text'),
    [[key(1), value('x'.repeat(900))] as const],
  ]) {
    await writeSortedFile(disk, 'file', undefined, batch(5, changes))
    files.push(await bytesOf(disk, 'file'))
    await disk.remove('file')
  }
  return files
}

/** The checksums of blocks, index and footer, as far as the footer's lengths lead there. */
function resealed(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input)
  const footer = bytes.length - 64
  if (footer < 0) return bytes
  const blocksBytes = Math.min(footer, Number(bytes.readBigUInt64LE(footer + 32)))
  for (let at = 0, number = 0; at + 16 <= blocksBytes; number++) {
    const end = Math.min(blocksBytes, at + 16 + bytes.readUInt32LE(at + 4))
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, end), number), at)
    at = end
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(blocksBytes, footer)), footer + 48)
  bytes.writeUInt32LE(crc32(bytes.subarray(footer, footer + 60)), footer + 60)
  return bytes
}

export const sortedFileTarget: Target = {
  name: 'sorted-file',
  title: 'files of the engine `sorted`: blocks, index, footer',
  mostBytes: 16 * 1024,
  steps: { fixed: 3000, perByte: 60 },
  async open() {
    const disk = createMemoryDisk()
    return {
      seeds: await sortedFiles(),
      words: [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f), Uint8Array.of(0x80, 0x80, 0x01)],
      repair: (input: Uint8Array) => resealed(input),
      async run(input: Uint8Array) {
        await replace(disk, 'file', input)
        await damaged(async () => {
          const file = await SortedFile.open(disk, 'file', () => 0)
          try {
            for (let block = 0; block < file.index.blocks; block++) await file.readBlocks(block, 1)
          } finally {
            file.release()
          }
        })
      },
    }
  },
}

async function checkpointFiles(): Promise<Uint8Array[]> {
  const host = createRealHost()
  const disk = createMemoryDisk()
  await disk.makeFolder('folder')
  Object.defineProperty(host, 'disk', { value: disk })
  const inputs: Uint8Array[] = []
  for (const changes of [numbers(0, 3, 'v'), numbers(0, 200, 'text'), [[key(1), value('x'.repeat(500))] as const]]) {
    const store = await openMemoryStore(host, undefined)
    for (const [at, text] of changes) store.put(at, text!)
    store.publish(4)
    await store.checkpoint(host, 'folder')
    inputs.push(Buffer.concat([await bytesOf(disk, 'folder/manifest'), await bytesOf(disk, 'folder/entries')]))
    for (const name of ['manifest', 'entries']) await disk.remove(`folder/${name}`)
  }
  return inputs
}

/** Checksums of the manifest and of the blocks, and the manifest's sums where they are those of a moment ago. */
function resealedCheckpoint(input: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Buffer.from(input)
  if (bytes.length < 64) return bytes
  let chain = 0
  let blocks = 0
  for (let at = 64; at + 16 <= bytes.length; blocks++) {
    const end = Math.min(bytes.length, at + 16 + bytes.readUInt32LE(at + 4))
    const checksum = crc32(bytes.subarray(at + 4, end), blocks)
    bytes.writeUInt32LE(checksum, at)
    chain = crc32(bytes.subarray(at, at + 4), chain)
    at = end
  }
  bytes.writeUInt32LE(chain, 40)
  if (random.chance(0.8)) {
    bytes.writeBigUInt64LE(BigInt(bytes.length - 64), 32)
    bytes.writeBigUInt64LE(BigInt(blocks), 24)
  }
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60)
  return bytes
}

export const checkpointTarget: Target = {
  name: 'checkpoint',
  title: 'checkpoints of the memory store: manifest and blocks of entries',
  mostBytes: 16 * 1024,
  steps: { fixed: 3000, perByte: 60 },
  async open() {
    const disk = createMemoryDisk()
    await disk.makeFolder('folder')
    return {
      seeds: await checkpointFiles(),
      words: [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f), Uint8Array.of(0x80, 0x80, 0x01)],
      repair: resealedCheckpoint,
      async run(input: Uint8Array) {
        await replace(disk, 'folder/manifest', input.subarray(0, 64))
        await replace(disk, 'folder/entries', input.subarray(64))
        await damaged(() =>
          readCheckpoint(disk, 'folder', (at, text) => copySlice(at).length + copySlice(text).length >= 0),
        )
      },
    }
  },
}

const uuid = '01234567-89ab-cdef-0123-456789abcdef'

/** CONTENTS, and notes of followers: text with a checksum in its last line. */
export const smallFileTarget: Target = {
  name: 'small-files',
  title: 'the list of databases, and notes of followers',
  mostBytes: 1024,
  steps: { fixed: 1000, perByte: 100 },
  open() {
    const note = 'polylog follower 1\n12 1048576 99\n'
    const sealed = (body: string): Buffer => Buffer.from(`${body}crc32 ${crc32(body).toString(16).padStart(8, '0')}\n`)
    return Promise.resolve({
      seeds: [
        Buffer.from(encodeContents({ databases: [{ uuid, name: 'polylog' }], dropped: [uuid] })),
        Buffer.from(encodeContents({ databases: [{ uuid, name: '__proto__\n"' }], dropped: [] }, 2)),
        sealed(note),
      ],
      words: [`${uuid} "a"\n`, `dropped ${uuid}\n`, '../../etc', '\\u0000', '\\ud800', '9'.repeat(17)],
      repair(input: Uint8Array) {
        const text = Buffer.from(input).toString('latin1')
        return sealed(text.slice(0, Math.max(0, text.lastIndexOf('crc32'))))
      },
      run(input: Uint8Array) {
        decodeNote(input)
        const contents = refusing(() => decodeContents(input, 'CONTENTS'), PolylogError)
        for (const { uuid: folder } of contents?.databases ?? []) {
          if (!/^[0-9a-f-]{36}$/.test(folder)) throw new Unexpected(`a folder is called ${folder}`)
        }
      },
    })
  },
}
