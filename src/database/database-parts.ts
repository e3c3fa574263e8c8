/** What a database is made of. */
import type { PolylogError } from '../base/errors.ts'
import type { Host } from '../host/host.ts'
import type { CommitLog } from '../log/commit-log.ts'
import type { OrderedStore } from '../storage/store.ts'
import type { ConsumersPlace } from './following/consumers.ts'
import type { Database } from './database.ts'
import type { Engines } from './engines.ts'
import type { RetentionOptions } from './history/retention.ts'
import type { KernelLimits } from './kernel.ts'
import type { LeadershipOptions } from './following/leadership.ts'
import type { MigrationStep } from './directory/migrations/migrations.ts'
import type { ProcessMemory } from './process-memory.ts'
import type { TemporaryFiles } from './directory/temporary-files.ts'

export interface DatabaseParts {
  readonly host: Host
  readonly name: string
  readonly log: CommitLog
  readonly store: OrderedStore
  /** What the store is made of, where that is more than memory. */
  readonly engines?: Engines | undefined
  /** Where checkpoints go; left out, none are written. */
  readonly checkpointFolder?: string
  readonly limits?: Partial<KernelLimits>
  /** A checkpoint is written after so many bytes of records. */
  readonly checkpointEveryBytes?: number
  /** Left out: those that are registered. */
  readonly migrationSteps?: readonly MigrationStep[]
  /** That of the process; left out, there is no limit. */
  readonly memory?: ProcessMemory
  /** It shows what another one held. */
  readonly isPast?: true
  /** Another database's memory account has what the store holds: of a fork. */
  readonly sharesStore?: boolean
  /** Where statements spill to; left out, they do not. */
  readonly temporary?: TemporaryFiles
  /** Left out: of a log that nobody else can write to. */
  readonly leadership?: LeadershipOptions
  /** Bytes of records that may wait for a log that cannot be reached; default 64 MiB. */
  readonly maxWaitingBytes?: number
  /** The database has stepped down: another one may go on with its store and its log (`member.ts`). */
  readonly onSteppedDown?: (reason: PolylogError) => void
  /** Where the consumers of the log are kept; left out, they end with the database. */
  readonly consumers?: ConsumersPlace
  /** How far back what it held before can be read; left out, as far as it happens to. */
  readonly retention?: RetentionOptions
  /** A follower's: what it shows is all that it will. */
  readonly onFollowFailed?: (error: unknown) => void
  /** Where this one goes on: it has stepped down, in this process. */
  readonly predecessor?: Database
}
