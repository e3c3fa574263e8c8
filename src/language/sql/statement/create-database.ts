/** CREATE DATABASE: an empty one; the server makes it. */
import type { CreatedbStmt } from 'libpg-query'
import { optionText } from '../bind/tree.ts'
import { notBuilt } from '../failure.ts'
import { readConnectionLimit } from './roles.ts'
import { type Planned, planEffect } from './prepared.ts'

/** Options that ask for what every database here has. */
const harmless: Readonly<Record<string, readonly string[]>> = {
  template: ['template0', 'template1'],
  encoding: ['utf8', 'utf-8'],
  lc_collate: ['c', 'posix'],
  lc_ctype: ['c', 'posix'],
  locale: ['c', 'posix'],
}

export function planCreateDatabase(statement: CreatedbStmt): Planned {
  let connectionLimit: number | undefined
  for (const node of statement.options ?? []) {
    if (!('DefElem' in node)) continue
    const { defname = '', arg } = node.DefElem
    const value = optionText(arg)?.toLowerCase() ?? ''
    if (defname === 'connection_limit') {
      connectionLimit = readConnectionLimit(arg)
      continue
    }
    if (harmless[defname]?.includes(value) !== true) throw notBuilt(`CREATE DATABASE with ${defname} "${value}"`)
  }
  const limit = connectionLimit === undefined ? {} : { connectionLimit }
  return planEffect({ kind: 'create database', name: statement.dbname!, ...limit }, 'CREATE DATABASE')
}
