/** What a commit pipeline is made of, and what it says of itself. */
import type { PolylogError } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import type { CommitLog, Leader } from '../../log/commit-log.ts'
import type { Mark } from '../../storage/store.ts'
import type { Batch } from './batch-queue.ts'
import type { Sequence } from '../contract.ts'
import type { Marked } from './state-marks.ts'

/** What the pipeline asks of the database. `State` is what must go back with the store: the catalog. */
export interface PipelineOwner<State> {
  mark(): Mark
  readonly state: State
  /** Makes the marked state the newest again, as `sequence`, without what the refused records did. */
  revert(marked: Marked<State>, refused: readonly Batch[], sequence: Sequence, error: PolylogError): void
  /** From now on reads are served from this state and nothing is written. */
  freeze(marked: Marked<State>, error: PolylogError): void
  /** Records from this sequence on go to the log, at this time of its clock. */
  appends(first: Sequence, clock: bigint): void
  /** After `freeze`, where another database may go on with the store and the log. */
  steppedDown(reason: PolylogError): void
}

export interface PipelineParts<State> {
  readonly host: Host
  readonly log: CommitLog
  /** Left out: it follows. */
  readonly leader: Leader | undefined
  readonly end: Sequence
  readonly clock: bigint
  readonly owner: PipelineOwner<State>
  /** How long a log that cannot be reached is waited for. Default: 10 s. */
  readonly patienceMs?: number
  /** Of records that wait for such a log. Default: 64 MiB. */
  readonly maxWaitingBytes?: number
}

export type PipelineState =
  | 'following'
  | 'leading'
  | 'full'
  | 'waiting'
  | 'resolving'
  | 'stepping down'
  | 'stepped down'
  | 'failed'

export const defaultPatienceMs = 10_000
