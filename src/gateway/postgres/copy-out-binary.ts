/**
 * The rows of COPY … TO STDOUT in the binary format (`language/sql/statement/copy-binary.ts` has it), each in a message of
 * its own. A row of large values is put together some of it a turn.
 */
import { ByteWriter } from '../../base/bytes.ts'
import type { CopyBinaryRows } from '../../language/sql/contract.ts'
import { binarySignature } from '../../language/sql/statement/copy-binary.ts'
import { getType } from '../../model/table/types/registry.ts'
import type { SqlType } from '../../model/table/types/type.ts'
import type { SqlValue } from '../../model/table/types/value.ts'
import { roomFor, writeLarge } from './large-values.ts'
import { copyDataOf } from './wire.ts'

const copyDataType = 0x64

export class CopyBinaryEncoder {
  readonly #types: readonly SqlType[]

  constructor({ types }: CopyBinaryRows) {
    this.#types = types.map((type) => getType(type))
  }

  header(writer: ByteWriter): void {
    copyDataOf(writer, () => {
      writer.copy(binarySignature)
      writer.u32be(0)
      writer.u32be(0)
    })
  }

  /** Behind the last row. */
  trailer(writer: ByteWriter): void {
    copyDataOf(writer, () => writer.u16be(0xffff))
  }

  write(row: readonly SqlValue[], writer: ByteWriter): void {
    copyDataOf(writer, () => {
      writer.u16be(row.length)
      for (const [i, value] of row.entries()) {
        const at = writer.end
        writer.i32be(-1)
        if (value === null) continue
        this.#types[i]!.encodeBinary(value, writer)
        writer.setU32be(at, writer.end - at - 4)
      }
    })
  }

  /** The same of a large row, in a buffer of its own; yields where the turn is over. */
  *writeInSteps(row: readonly SqlValue[]): Generator<undefined, ByteWriter, void> {
    const writer = new ByteWriter(
      roomFor(
        row,
        row.map(() => true),
      ),
    )
    writer.u8(copyDataType)
    writer.u32be(0)
    writer.u16be(row.length)
    for (const [i, value] of row.entries()) {
      const at = writer.end
      writer.i32be(-1)
      if (value === null) continue
      yield* writeLarge(this.#types[i]!, true, value, writer)
      writer.setU32be(at, writer.end - at - 4)
    }
    writer.setU32be(1, writer.end - 1)
    return writer
  }
}
