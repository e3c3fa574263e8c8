/** Encryption at rest: keys, nonces, and what each unit is bound to; and what the log keeps to itself. */
import { mutationsOf, type Mutation } from './mutation.ts'

const file = ['src/host/encrypted/encrypted-file.test.ts']
const log = ['src/log/file/encrypted-log.test.ts']
const keys = ['src/database/directory/keys-file.test.ts']
const directory = ['src/server/encrypted-directory.test.ts']

export const encryptionMutations: readonly Mutation[] = [
  ...mutationsOf('src/host/encrypted/encryption.ts', file, [
    ['a nonce comes again', '    this.#at += nonceBytes\n', ''],
    ['what was changed is read all the same', '      return undefined\n', '      return text\n'],
  ]),
  ...mutationsOf('src/host/encrypted/encryption.ts', log, [['all files have one key', '    this.#random(salt)\n', '']]),
  ...mutationsOf('src/host/encrypted/encrypted-file.ts', file, [
    ['a unit may stand at another place', '  view.setUint32(0, unit % 2 ** 32, true)\n', ''],
    ['a file may be cut off between units', 'context[8] = isLast ? 1 : 0', 'context[8] = 0'],
    ['an append forgets that the last unit is not the last any more', 'oldLast < first ? oldLast : first', 'first'],
  ]),
  ...mutationsOf('src/host/encrypted/encrypted-disk.ts', file, [
    ["a file may be another database's", "'directory' : `database ${uuid}`", "'directory' : 'directory'"],
  ]),
  ...mutationsOf('src/host/encrypted/encrypted-disk.ts', directory, [
    [
      'what statements spill is forgotten',
      'if (openFiles.has(name)) return undefined',
      "if (openFiles.has(name) || name.startsWith('temporary/')) return undefined",
    ],
    [
      'the list of databases is forgotten',
      'if (openFiles.has(name)) return undefined',
      "if (openFiles.has(name) || name.startsWith('CONTENTS')) return undefined",
    ],
  ]),
  ...mutationsOf('src/log/file/frame.ts', log, [
    [
      'the header of a frame is not authenticated',
      '  context.set(bytes.subarray(at + 4, at + frameHeaderBytes), 4)\n',
      '',
    ],
    [
      'a frame that was changed counts as torn',
      "if (key !== undefined && text === undefined) throw corrupt(number, offset, 'this frame is not what was encrypted')",
      'if (key !== undefined && text === undefined) return undefined',
    ],
  ]),
  ...mutationsOf('src/log/file/segment-encryption.ts', log, [
    ['a segment in the open passes', 'if (encryption === undefined) return undefined\n', 'return undefined\n'],
  ]),
  ...mutationsOf('src/log/file/log-reader.ts', log, [
    [
      'a segment without a frame is read as far as the one before',
      'return durable > this.segment.number ? this.segment.end : 0',
      'return durable > this.segment.number ? this.segment.end : offsetOf(syncedPosition)',
    ],
  ]),
  ...mutationsOf(
    'src/base/logged-error.ts',
    ['src/base/logged-error.test.ts'],
    [
      [
        'an answer to a statement is logged',
        'aboutTheMachine.has(error.code) ? error.message : undefined',
        'error.message',
      ],
      [
        "a broken invariant is logged with another error's words",
        'error.cause === undefined ? error.message',
        'true ? error.message',
      ],
      ['a message that looks like a stack is logged', 'stack.slice(at + message.length)', 'stack'],
    ],
  ),
  ...mutationsOf('src/database/directory/keys-file.ts', keys, [
    ['a new key leaves the old data key in use', '[...keys, [next, randomKey(host)]]', '[...keys]'],
    [
      'a lost KEYS is made anew',
      'if (contents !== undefined && isEncrypted(contents)) {',
      'if (contents !== undefined && given === undefined && isEncrypted(contents)) {',
    ],
  ]),
]
