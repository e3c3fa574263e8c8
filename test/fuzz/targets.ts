/** All that is fuzzed. Each is loaded for itself: the less code there is, the sooner its counters are read. */
import type { Target } from './target.ts'

const wire = () => import('./targets/wire.ts')
const log = () => import('./targets/log.ts')
const stored = () => import('./targets/stored.ts')
const texts = () => import('./targets/texts.ts')
const sql = () => import('./targets/sql.ts')
const served = () => import('./targets/served.ts')

const loaders: Readonly<Record<string, () => Promise<Target>>> = {
  resp: async () => (await wire()).respTarget,
  'postgres-messages': async () => (await wire()).postgresTarget,
  bson: async () => (await wire()).bsonTarget,
  'op-msg': async () => (await wire()).opMsgTarget,
  keys: async () => (await stored()).keyTarget,
  'log-record': async () => (await log()).recordTarget,
  'log-frame': async () => (await log()).frameTarget,
  'sorted-file': async () => (await stored()).sortedFileTarget,
  checkpoint: async () => (await stored()).checkpointTarget,
  'small-files': async () => (await stored()).smallFileTarget,
  'redis-files': async () => (await import('./targets/redis-files.ts')).redisFileTarget,
  'sql-values': async () => (await texts()).typeTarget,
  patterns: async () => (await texts()).patternTarget,
  scram: async () => (await texts()).scramTarget,
  configuration: async () => (await texts()).configurationTarget,
  mql: async () => (await import('./targets/mql.ts')).mqlTarget,
  'sql-text': async () => (await sql()).sqlTextTarget,
  'sql-statements': async () => (await sql()).sqlTarget,
  'redis-door': async () => (await served()).redisDoorTarget,
  'postgres-door': async () => (await served()).postgresDoorTarget,
  'mongodb-door': async () => (await served()).mongoDoorTarget,
  'joined-doors': async () => (await import('./targets/joined.ts')).joinedTarget,
}

export const targetNames: readonly string[] = Object.keys(loaders)

export async function loadTarget(name: string): Promise<Target> {
  const load = Object.hasOwn(loaders, name) ? loaders[name] : undefined
  if (load === undefined) throw new Error(`there is no target "${name}"; there are ${targetNames.join(', ')}`)
  return load()
}
