/* oxlint-disable require-yield -- what takes is steps, whether it has to wait or not */
/** What readers of Redis's files have handed out, as texts: for tests, and for what is fuzzed. */
import type { StatementSteps } from '../../../database/contract.ts'
import { formatStreamId } from '../stream-ids.ts'
import type { Pending } from '../stream-groups.ts'
import type { FileTaker } from './rdb-file.ts'
import type { Element, ValueTaker } from './rdb-value.ts'
import type { ReadGroup, StreamFacts } from './stream-value.ts'

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

/** What was taken, as texts. */
export class Notes implements ValueTaker, FileTaker {
  readonly notes: string[] = []

  begin(kind: string): void {
    this.notes.push(kind)
  }

  *string(value: Uint8Array): StatementSteps<void> {
    this.notes.push(textOf(value))
  }

  *batch(elements: readonly Element[]): StatementSteps<void> {
    for (const { bytes, score, value } of elements) {
      this.notes.push(`${textOf(bytes)} ${value === undefined ? score : textOf(value)}`)
    }
  }

  *entry(id: bigint, strings: readonly Uint8Array[]): StatementSteps<void> {
    this.notes.push(`entry ${formatStreamId(id)} ${strings.map(textOf).join(' ')}`)
  }

  *facts({ lastId, maxDeletedId, entriesAdded }: StreamFacts): StatementSteps<void> {
    this.notes.push(`last ${formatStreamId(lastId)} ${formatStreamId(maxDeletedId)} ${entriesAdded}`)
  }

  *group({ name, lastId, entriesRead }: ReadGroup): StatementSteps<void> {
    this.notes.push(`group ${textOf(name)} ${formatStreamId(lastId)} ${entriesRead}`)
  }

  *consumer(name: Uint8Array, seenMs: bigint): StatementSteps<void> {
    this.notes.push(`consumer ${textOf(name)} ${seenMs}`)
  }

  *pending(id: bigint, { deliveredMs, deliveries, consumer }: Pending): StatementSteps<void> {
    this.notes.push(`pending ${formatStreamId(id)} ${deliveredMs} ${deliveries} ${textOf(consumer)}`)
  }

  *database(number: number): StatementSteps<void> {
    this.notes.push(`database ${number}`)
  }

  *key(key: Uint8Array, expiresAtMs: bigint): StatementSteps<ValueTaker> {
    this.notes.push(`key ${textOf(key)} ${expiresAtMs}`)
    return this
  }

  *endKey(): StatementSteps<void> {
    this.notes.push('end')
  }

  *functions(code: Uint8Array): StatementSteps<void> {
    this.notes.push(`functions ${textOf(code)}`)
  }

  *command(args: readonly Uint8Array[]): StatementSteps<void> {
    this.notes.push(args.map(textOf).join(' '))
  }
}
