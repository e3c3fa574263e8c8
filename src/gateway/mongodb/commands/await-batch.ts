/** A batch of a tailable cursor that waits for documents: where there is none it looks again when one was inserted. */
import { sliceToLatin1 } from '../../../base/slice.ts'
import { KeyWriter } from '../../../base/tuple.ts'
import { type KeyWaiter, looked } from '../../../database/transaction/key-waits.ts'
import type { BatchResult } from '../../../language/mql/query.ts'
import { stateKey } from '../../../model/document/capped.ts'
import type { OpenCursor } from '../cursors.ts'
import type { Request } from '../request.ts'
import { awaitMs } from './change-streams.ts'

type Read = () => BatchResult | Promise<BatchResult>

/** Empty where the time is over. */
export async function awaitBatch(request: Request, cursor: OpenCursor, read: Read): Promise<BatchResult> {
  const { host } = request.gateway.sessions
  let isOver = false
  let wake: () => void = () => undefined
  const stop = (): void => {
    isOver = true
    wake()
  }
  const cancel = host.at(request.getCount('maxTimeMS') ?? awaitMs, stop)
  request.onCancel = stop
  try {
    for (;;) {
      const { session } = request
      // Whatever is inserted from now on is heard of.
      const written = new Promise<void>((resolve) => (wake = resolve))
      const waits = session.keyWaits
      const waiter = waiterOf(request, cursor, () => wake())
      waits.wait(waiter)
      try {
        const batch = await read()
        if (batch.documents.length > 0 || batch.next === undefined || isOver) return batch
        cursor.position = batch.next
        await written
      } finally {
        waits.leave(waiter)
      }
    }
  } finally {
    cancel()
    request.onCancel = undefined
  }
}

function waiterOf({ session }: Request, { position }: OpenCursor, wake: () => void): KeyWaiter {
  const { collection } = position as { readonly collection: { readonly id: number } }
  const waits = session.keyWaits
  return {
    keys: [sliceToLatin1(stateKey(new KeyWriter(16), collection))],
    kind: 'capped',
    isShared: true,
    ticket: waits.nextTicket(),
    look: () => {
      wake()
      return looked.served
    },
    isPlaced: (catalog) => catalog.collectionById(collection.id) !== undefined && session.keyWaits === waits,
    move: wake,
  }
}
