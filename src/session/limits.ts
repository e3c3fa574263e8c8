/**
 * What the settings of roles and databases limit below all doors, so that a Redis command and a MongoDB command are bound by what
 * `ALTER ROLE … SET` says as a statement of SQL is.
 *
 *   process ── database ── principal ── session        memory: `polylog.database_memory`, `polylog.principal_memory` (in all
 *                                                      databases together), `polylog.session_memory`
 *              principal ── session                    temporary files: `polylog.principal_temporary`, `temp_file_limit`
 *                           session                    `statement_timeout`, `lock_timeout`, `work_mem`, `polylog.queued_bytes`
 *
 * What is limited here is limited beyond the limits of the process, never past them. A session has what held when it began;
 * what it may change itself (the timeouts, `work_mem`) its door tells it.
 */
import type { MemoryAccount } from '../base/memory-account.ts'
import { durationMs, parseSizeBytes } from '../base/units.ts'
import { SpaceBudget } from '../database/directory/temporary-files.ts'
import type { CallerLimits, WorkspaceParts } from '../database/transaction/workspace.ts'

/** With less an operator would write a file for each few rows. */
const leastOperatorBytes = 64 * 1024

/** Of a setting that was checked when it was given; where there is none, or none is meant by -1, there is no limit. */
export function limitBytes(settings: ReadonlyMap<string, string>, name: string): number {
  const text = settings.get(name)
  return text === undefined || text === '-1' ? Infinity : (parseSizeBytes(text) ?? Infinity)
}

/** What a principal may have in all its sessions. */
export interface PrincipalBudget {
  readonly memory: MemoryAccount
  readonly space: SpaceBudget
}

export class SessionLimits implements CallerLimits {
  /** What the session began with: names and values as the language has checked them. */
  readonly settings: ReadonlyMap<string, string>
  /** 0: none. */
  statementTimeoutMs: number
  lockTimeoutMs: number
  /** `track_counts` */
  countsRows: boolean
  /** Of the session, and of its connection. */
  readonly sessionBytes: number
  /** Above it the session's connection is not served until its client has read. */
  readonly queuedBytes: number
  #operatorBytes: number
  readonly #principal: PrincipalBudget
  readonly #space: SpaceBudget | undefined
  #isOwn = false
  /** What it was asked for last, and what it said. */
  #asked: WorkspaceParts | undefined
  #answered: WorkspaceParts | undefined

  constructor(settings: ReadonlyMap<string, string>, principal: PrincipalBudget) {
    this.settings = settings
    this.sessionBytes = limitBytes(settings, 'polylog.session_memory')
    this.#principal = principal
    this.statementTimeoutMs = durationMs(settings.get('statement_timeout'))
    this.lockTimeoutMs = durationMs(settings.get('lock_timeout'))
    this.countsRows = settings.get('track_counts') !== 'off'
    this.queuedBytes = limitBytes(settings, 'polylog.queued_bytes')
    this.#operatorBytes = limitBytes(settings, 'work_mem')
    const ownBytes = limitBytes(settings, 'temp_file_limit')
    const { space } = principal
    if (ownBytes !== Infinity || space.limitBytes !== Infinity) {
      this.#space = new SpaceBudget('the session', ownBytes, space)
    }
  }

  /** What the principal has in all its sessions and connections. */
  get principalMemory(): MemoryAccount {
    return this.#principal.memory
  }

  /** Several sessions may have them: nothing is counted here. */
  get areShared(): boolean {
    return this.#space === undefined && !this.#isOwn
  }

  /** Those of one session alone, which changes them. */
  own(): SessionLimits {
    if (!this.areShared) return this
    const own = new SessionLimits(this.settings, this.#principal)
    own.#isOwn = true
    return own
  }

  /** As `work_mem` is set in the session; undefined: as it began. */
  set workMemory(text: string | undefined) {
    const settings = text === undefined ? this.settings : new Map([['work_mem', text]])
    this.#operatorBytes = limitBytes(settings, 'work_mem')
    this.#asked = undefined
  }

  workspaces(all: WorkspaceParts): WorkspaceParts {
    if (this.#operatorBytes === Infinity && this.#space === undefined) return all
    if (this.#asked !== all || this.#answered === undefined) {
      this.#asked = all
      this.#answered = {
        ...all,
        operatorBytes: Math.min(Math.max(this.#operatorBytes, leastOperatorBytes), all.operatorBytes),
        ...(this.#space && { space: this.#space }),
      }
    }
    return this.#answered
  }
}
