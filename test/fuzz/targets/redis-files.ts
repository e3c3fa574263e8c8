/** Files of Redis, as they are imported, loaded from a master, and given to RESTORE. */
import { sliceOf } from '../../../src/base/slice.ts'
import { beginTurn } from '../../../src/base/work.ts'
import type { StatementSteps } from '../../../src/database/contract.ts'
import { BadData } from '../../../src/model/keyvalue/rdb/bad-data.ts'
import { readCommands, readRdb } from '../../../src/model/keyvalue/rdb/rdb-file.ts'
import { type MoreBytes, RdbInput } from '../../../src/model/keyvalue/rdb/rdb-input.ts'
import { readValue } from '../../../src/model/keyvalue/rdb/rdb-value.ts'
import { Notes } from '../../../src/model/keyvalue/rdb/testing.ts'
import { valueType } from '../../../src/model/keyvalue/rdb/value-types.ts'
import { redisCommand } from '../../end-to-end/protocol-bytes.ts'
import { Unexpected, type Target } from '../target.ts'
import { piecesOf } from './wire.ts'

/** By redis-server 7.0.15: keys of every type, packed and not, a stream with a group, a library of functions, two databases. */
const written = [
  'UkVESVMwMDEw+glyZWRpcy12ZXIGNy4wLjE1+gpyZWRpcy1iaXRzwED6BWN0aW1lwuScA2v6CHVzZWQtbWVtwvA3EgD6CGFvZi1iYXNlwAD1QEIjIWx1',
  'YSBuYW1lPWYKcmVkaXMucmVnaXN0ZXJfZnVuY3Rpb24oJ2YnLCBmdW5jdGlvbigpIHJldHVybiAxIGVuZCn+APsMAQAEdGV4dMMKQHgCYWJh4GoBAWFi',
  'EgJsMgICCgoAAAABAIFhAv8CCgoAAAABAIFiAv8FAnoyAgFiAAAAAAAAAEABYQAAAAAAAPA/AgJzcwIBYQFiCwJzaRQEAAAAAwAAAAEAAAACAAAAcBEB',
  'APz/n3JOGAkAAAABZQF4EgFsAQIPDwAAAAMAgWECgWICAwH/EQF6GBgAAAAEAIFiAoQtaW5mBYFhAoMxLjUE/wABbsE5MBABaBISAAAABACBZgKBdgKB',
  'ZwICAf8EAmgyAgFhAWIBYwFkEwFzARAAAAAAAAAAAQAAAAAAAAABKCgAAAAPAAIBAAEBAYFmAgABAgEAAQABgXYCBAECAQABAQGBdwIEAf8CAQIBAQAA',
  'AgEBZwEBAQEAAAAAAAAAAQAAAAAAAAAB1tocBqIBAAABAQFj1tocBqIBAAABAAAAAAAAAAEAAAAAAAAAAf4D+wEAAAVvdGhlcgF4/zq6Iry3wKf2',
].join('')

const longestString = 64 * 1024
const mostBytes = 4096

function* readFile(input: RdbInput, notes: Notes, first: number | undefined): StatementSteps<void> {
  // As `polylog import` does it, and as RESTORE does.
  if (first === 0x52) yield* readRdb(input, notes)
  if (first === 0x52 || first === 0x2a || first === 0x23) yield* readCommands(input, notes)
  else yield* readValue(input, yield* input.byte(), notes)
}

/** What was read, and why it went no further. */
async function notesOf(input: RdbInput, first: number | undefined): Promise<string[]> {
  const notes = new Notes()
  try {
    const steps = readFile(input, notes, first)
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      beginTurn()
      if (step.value instanceof Promise) await step.value
    }
  } catch (error) {
    if (!(error instanceof BadData)) throw error
    notes.notes.push(error.message)
  }
  return notes.notes
}

function inPieces(input: Uint8Array): MoreBytes {
  const pieces = piecesOf(input).values()
  return { read: () => Promise.resolve(pieces.next().value) }
}

export const redisFileTarget: Target = {
  name: 'redis-files',
  title: "Redis's RDB files, files of commands, and values of DUMP",
  mostBytes,
  steps: { fixed: 5000, perByte: 400 },
  open() {
    const file = Buffer.from(written, 'base64')
    const commands = [redisCommand('SELECT', '1'), Buffer.from('#TS:1\r\n'), redisCommand('SET', 'k', 'a\r\nvalue')]
    return Promise.resolve({
      seeds: [
        file,
        Buffer.concat([file, ...commands]),
        Buffer.concat(commands),
        ...Object.values(valueType).map((type) => Uint8Array.of(type, 2, 1, 0x61, 1, 0x62, 1, 0x63, 1, 0x64)),
      ],
      words: [
        ...Object.values(valueType).map((type) => Uint8Array.of(type)),
        Uint8Array.of(0xc3, 0x02, 0x40, 0xff),
        Uint8Array.of(0x80, 0xff, 0xff, 0xff, 0xff),
        Uint8Array.of(0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
        Uint8Array.of(0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
      ],
      async run(input: Uint8Array) {
        const whole = await notesOf(new RdbInput(sliceOf(input), longestString), input[0])
        const pieces = new RdbInput(sliceOf(new Uint8Array(0)), longestString, inPieces(input))
        const found = await notesOf(pieces, input[0])
        if (found.join('\n') !== whole.join('\n')) throw new Unexpected('it is read otherwise where it comes in pieces')
      },
    })
  },
}
