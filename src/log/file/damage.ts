/** Damage of the log, with its place. */
import { LogError } from '../commit-log.ts'
import { segmentName } from './segment.ts'

export function corrupt(segment: number, offset: number, what: string): LogError {
  const position = `${segmentName(segment)}+${offset}`
  return new LogError('corrupt', `the log is damaged at ${position}: ${what}`, { position })
}
