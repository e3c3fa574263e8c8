/** The memory store: its tree, its versions, its checkpoints. */
import { mutationsOf, type Mutation } from './mutation.ts'

const tests = ['src/storage/memory/memory.test.ts']
const checkpoint = ['src/storage/memory/checkpoint.test.ts']

const arena = ['src/storage/memory/record-arena.test.ts']
const points = ['src/storage/memory/point-index.test.ts', 'src/storage/memory/memory.test.ts']

export const storageMutations: readonly Mutation[] = [
  ...mutationsOf('src/storage/memory/point-index.ts', points, [
    [
      'a record that is found by hash is not asked for its key',
      'if (record !== 0 && this.#hasKey(record, bytes, start, end)) return record',
      'if (record !== 0) return record',
    ],
    [
      'a snapshot is told of records that are younger than it',
      'return record !== 0 && recordBirth(this.#space, record) <= epoch ? record : 0',
      'return record',
    ],
    ['a snapshot is told of what came back after it', 'if (epoch < this.steadySince || this', 'if (this'],
    ['the older record of a key stays in its bucket', 'if (table[at] === older) table[at] = newer', ';'],
    ['records of a subtree that goes stay in their buckets', 'points.forgetAll()\n    return\n', 'return\n'],
    ['a bucket of an older generation keeps its records', 'table.fill(0, bucket, bucket + bucketWords)', ''],
    ['records of a leaf that goes stay in their buckets', 'points.replace(words[records + slot]!, 0)', ';'],
  ]),
  ...mutationsOf('src/storage/memory/undo.ts', points, [
    ['a way back leaves what is found by hash', 'tree.points?.exchanged(tree.versions.epoch)', ''],
  ]),
  ...mutationsOf('src/storage/memory/count.ts', tests, [
    [
      'an absent key counts the one before it',
      'return count + (slot < 0 ? ~slot : slot)',
      'return count + (slot < 0 ? ~slot : slot + 1)',
    ],
    [
      'a count leaves out a child',
      'if (slot <= size >>> 1) return',
      'if (slot <= size >>> 1) return slot === 0 ? 0 : -1 +',
    ],
    ['a reversed range counts below zero', 'if (compareSlices(range.start, range.end) >= 0) return 0', ''],
  ]),
  ...mutationsOf('src/storage/memory/range-delete.ts', tests, [
    [
      'a range delete takes its end with it',
      'for (let slot = from; slot < to; slot++) tree.letGoRecord',
      'for (let slot = from; slot < to; slot++) if (slot > from) tree.letGoRecord',
    ],
    [
      'the first child of a range delete stays',
      'for (let slot = first + 1; slot < last; slot++) tree.letGoSubtree',
      'for (let slot = first + 2; slot < last; slot++) tree.letGoSubtree',
    ],
    [
      'fences beside a gap are not mended at its end',
      'for (const { bytes, start, end } of [range.start, range.end])',
      'for (const { bytes, start, end } of [range.start])',
    ],
  ]),
  ...mutationsOf('src/storage/memory/search.ts', tests, [
    [
      'equal heads are compared from the wrong byte',
      'lowShared = Math.max(shared, order - 1)\n      } else {\n        top = middle\n        topShared = Math.max(shared, -order - 1)\n      }\n    }\n  }\n  return ~low',
      'lowShared = Math.max(shared, order + 7)\n      } else {\n        top = middle\n        topShared = Math.max(shared, -order - 1)\n      }\n    }\n  }\n  return ~low',
    ],
    ['a key equal to a separator goes to the left', 'if (order >= 0) {', 'if (order > 0) {'],
  ]),
  ...mutationsOf('src/storage/memory/merge.ts', tests, [
    [
      'merged pages may overflow',
      'pageField(tree.space, sibling, sizeAt) + size <= mergedMax(level)',
      'pageField(tree.space, sibling, sizeAt) + size <= mergedMax(level) * 2',
    ],
    [
      'merged pages forget the keys of the right one',
      'target[to + keysAt]! += source[from + keysAt]!',
      'target[to + keysAt]! += 0',
    ],
    [
      'merged entries keep heads for another prefix',
      'if (source[from + prefixAt] !== prefix || separator !== 0) rewriteHeads',
      'if (separator !== 0) rewriteHeads',
    ],
    ['merging branches loses the separator between them', 'isLeaf ? 0 : separator)', '0)'],
    ['the separator of merged leaves leaks', 'if (isLeaf) tree.retireRecord(separator)', ''],
  ]),
  ...mutationsOf(
    'src/storage/memory/share.ts',
    ['src/storage/memory/share.test.ts'],
    [
      [
        'a leaf gives entries to a shared neighbour',
        'tree.isCurrent(page) ? page : tree.copyInto(parent, slot, page)',
        'page',
      ],
      ['the old border leaks', 'tree.retireRecord(words[base + separatorsAt + slot]!)', ''],
      [
        'entries that were given keep heads for another prefix',
        'given[pageBase(source) + prefixAt] === words',
        'words[base + prefixAt] === words',
      ],
      [
        'a neighbour on the left keeps a prefix that is too long',
        'setPrefix(space, left, tree.prefixBetween(low, separator))',
        '',
      ],
      [
        'a neighbour on the right keeps a prefix that is too long',
        'setPrefix(space, right, tree.prefixBetween(separator, high))',
        '',
      ],
      [
        'a key on the border goes to the left',
        'slot > middle || (slot === middle && compareWithRecord(space, separator, bytes, start, end, 0) >= 0)',
        'slot > middle',
      ],
      [
        'a key before the border goes to the right',
        'slot < count || (slot === count && compareWithRecord(space, separator, bytes, start, end, 0) < 0)',
        'slot < count',
      ],
      [
        'a leaf that has given to the left counts what it had',
        'words[base + keysAt] = words[base + sizeAt]!\n  setPrefix(space, own',
        'setPrefix(space, own',
      ],
      ['nobody has room', 'if (!isLeft && !hasRoom(tree, parent, at + 1)) return -1', 'return -1'],
      ['fences that have moved are believed', '  tree.forgetFences()\n', ''],
    ],
  ),
  ...mutationsOf('src/storage/memory/record-layout.ts', arena, [
    [
      'records beyond half of all references are large',
      'export function isLarge(record: number): boolean {\n  return record >> largeShift === -1',
      'export function isLarge(record: number): boolean {\n  return record < 0',
    ],
    [
      'a new length of a value spoils the key',
      '(valueLength << 16) | (ints[lengths]! & 0xffff)',
      '(valueLength << 16) | ints[lengths]!',
    ],
  ]),
  ...mutationsOf('src/storage/memory/record-arena.ts', arena, [
    [
      'records of a new part of the epochs come from slabs of the old one',
      'if (epochHigh !== this.#epochHigh) this.#turnTo(epochHigh)',
      '',
    ],
    [
      'parts of the epochs take each other the slab away',
      'if (offers === undefined) this.#allOffers.set',
      'this.#allOffers.set',
    ],
    ['a slab of another part of the epochs is given out', ' || this.#space.slabEpochs[slab] !== this.#epochHigh', ''],
    [
      'a large record is freed as a small one',
      'if (isLarge(record)) {\n      this.#freeLarge',
      'if (record < -1e9) {\n      this.#freeLarge',
    ],
  ]),
  ...mutationsOf('src/storage/memory/split.ts', tests, [
    ['keys in order leave pages half empty', 'appending ? slot : leafCapacity >>> 1', 'leafCapacity >>> 1'],
  ]),
  ...mutationsOf('src/storage/memory/tree.ts', tests, [
    [
      'a shared page is changed in place',
      'return words[base + birthLowAt] === versions.epochLow && words[base + birthHighAt] === versions.epochHigh',
      'return words[base + birthLowAt]! <= versions.epochLow',
    ],
    ['a copied page forgets its keys', 'target[to + keysAt] = source[from + keysAt]!', 'target[to + keysAt] = size'],
    [
      'a copied page is not retired',
      'pageBase(parent) + childrenAt + slot] = copy\n',
      'pageBase(parent) + childrenAt + slot] = copy\n    if (parent !== 0) return copy\n',
    ],
    [
      'a record is overwritten under a snapshot',
      'ints[recordWord(record)] === versions.epochLow &&',
      'ints[recordWord(record)]! <= versions.epochLow &&',
    ],
    [
      'the root does not count',
      'for (let i = 0; i <= this.depth; i++) {\n      const page = this.path[i]!\n      pageWordsOf(this.space, page)[pageBase(page) + keysAt]! += count',
      'for (let i = 1; i <= this.depth; i++) {\n      const page = this.path[i]!\n      pageWordsOf(this.space, page)[pageBase(page) + keysAt]! += count',
    ],
    [
      'a key behind the last one inserted passes by its neighbour',
      'const above = next < size ? words[records + next]! : this.#high',
      'const above = this.#high',
    ],
    ['a page at the edge has a prefix', 'low === 0 || high === 0 ? 0 :', 'low === 0 && high === 0 ? 0 :'],
  ]),
  ...mutationsOf('src/storage/memory/checkpoint-read.ts', checkpoint, [
    [
      'a checksum of a block is not looked at',
      'if (crc32(this.#window.subarray(start + 4, end), block) !== checksum) {',
      'if (checksum < 0) {',
    ],
    ['blocks of another checkpoint are accepted', 'if (chain !== blocksChecksum) throw', 'if (chain < 0) throw'],
    ['bytes after the last block are accepted', 'if (size !== fileBytes) throw', 'if (size < fileBytes) throw'],
  ]),
]
