/** A log as one reads it who must not write to it, nor close it. */
import { type CommitLog, LogError } from '../../log/commit-log.ts'

export function readOnlyLog(log: CommitLog): CommitLog {
  const refuse = (): Promise<never> => Promise.reject(new LogError('unavailable', 'the log is only read here'))
  return {
    limits: log.limits,
    acquire: refuse,
    end: () => log.end(),
    read: (from, options) => log.read(from, options),
    trim: refuse,
    describe: () => log.describe(),
    close: async () => undefined,
  }
}
