/** All planted bugs, by layer from the lowest up. */
import { baseMutations } from './base.ts'
import { databaseMutations } from './database.ts'
import { logMutations } from './log.ts'
import { modelMutations } from './model.ts'
import type { Mutation } from './mutation.ts'
import { storageMutations } from './storage.ts'
import { upperMutations } from './upper.ts'

export const mutations: readonly Mutation[] = [
  ...baseMutations,
  ...logMutations,
  ...storageMutations,
  ...databaseMutations,
  ...modelMutations,
  ...upperMutations,
]
