/** All planted bugs, by layer from the lowest up. */
import { attackMutations } from './attacks.ts'
import { baseMutations } from './base.ts'
import { databaseMutations } from './database.ts'
import { encryptionMutations } from './encryption.ts'
import { functionMutations } from './functions.ts'
import { geometryMutations } from './geometries.ts'
import { javascriptMutations } from './javascript.ts'
import { historyMutations } from './history.ts'
import { publicationMutations } from './publications.ts'
import { kitMutations } from './kit.ts'
import { logMutations } from './log.ts'
import { limitMutations } from './limits.ts'
import { loginMutations } from './logins.ts'
import { matrixMutations } from './matrix.ts'
import { privilegeMutations } from './privileges.ts'
import { modelMutations } from './model.ts'
import { mongodbUserMutations } from './mongodb-users.ts'
import { givenBackMemoryMutations } from './given-back-memory.ts'
import { redisUserMutations } from './redis-users.ts'
import { blockingMutations } from './blocking.ts'
import { messageMutations } from './messages.ts'
import { redisDataMutations } from './redis-data.ts'
import { redisServerMutations } from './redis-server.ts'
import { replicaMutations } from './replicas.ts'
import { scriptMutations } from './scripts.ts'
import type { Mutation } from './mutation.ts'
import { rowSecurityMutations } from './row-security.ts'
import { ruleMutations } from './rules.ts'
import { baseStoreMutations } from './base-stores.ts'
import { pipelineMutations } from './pipelines.ts'
import { planMutations } from './plans.ts'
import { planningMutations } from './planning.ts'
import { queryMutations } from './queries.ts'
import { statementMutations } from './statements.ts'
import { preparedMutations } from './prepared.ts'
import { sessionMutations } from './sessions.ts'
import { storageMutations } from './storage.ts'
import { streamMutations } from './streams.ts'
import { collationMutations } from './collations.ts'
import { textStyleMutations } from './text-styles.ts'
import { transportMutations } from './transport.ts'
import { turnMutations } from './turns.ts'
import { cappedMutations } from './capped.ts'
import { catalogMutations } from './catalogs.ts'
import { typeMutations } from './types.ts'
import { upperMutations } from './upper.ts'
import { viewMutations } from './views.ts'

export const mutations: readonly Mutation[] = [
  ...baseMutations,
  ...logMutations,
  ...storageMutations,
  ...baseStoreMutations,
  ...databaseMutations,
  ...modelMutations,
  ...ruleMutations,
  ...planMutations,
  ...planningMutations,
  ...queryMutations,
  ...statementMutations,
  ...pipelineMutations,
  ...turnMutations,
  ...limitMutations,
  ...loginMutations,
  ...privilegeMutations,
  ...matrixMutations,
  ...rowSecurityMutations,
  ...transportMutations,
  ...mongodbUserMutations,
  ...givenBackMemoryMutations,
  ...redisUserMutations,
  ...redisServerMutations,
  ...replicaMutations,
  ...scriptMutations,
  ...messageMutations,
  ...redisDataMutations,
  ...blockingMutations,
  ...sessionMutations,
  ...preparedMutations,
  ...streamMutations,
  ...collationMutations,
  ...textStyleMutations,
  ...functionMutations,
  ...geometryMutations,
  ...javascriptMutations,
  ...viewMutations,
  ...cappedMutations,
  ...catalogMutations,
  ...typeMutations,
  ...attackMutations,
  ...upperMutations,
  ...historyMutations,
  ...publicationMutations,
  ...kitMutations,
  ...encryptionMutations,
]
