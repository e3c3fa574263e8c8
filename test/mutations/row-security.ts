/** Bugs of policies: each shows a row that is hidden, or lets one be left that may not be. */
import { mutationsOf, type Mutation } from './mutation.ts'

const inSql = ['src/server/row-security.test.ts']
const inDocuments = ['src/server/row-security-documents.test.ts']

export const rowSecurityMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/plan/secured-reader.ts', inSql, [
    ['rows come out whatever policies say of them', '      if (isVisible) return row\n', '      return row\n'],
    [
      'a plan that is kept does not see that row_security is off',
      "  if (context.getSetting('row_security') === 'off') throw wouldBeAffected(transaction.principal.rights, collection)\n",
      '',
    ],
  ]),
  ...mutationsOf('src/language/sql/bind/row-security.ts', inSql, [
    [
      'a table without a permissive policy shows all',
      '  if (permissive.length === 0) return [constant(false, oid.bool)]\n',
      '  if (permissive.length === 0) return [constant(true, oid.bool)]\n',
    ],
    ['what is left need not be visible', '  if (!reads) return own\n', '  if (!isOld) return own\n'],
  ]),
  ...mutationsOf('src/language/sql/plan/relation-access.ts', inSql, [
    ['EXPLAIN counts hidden rows', 'const isHidden = relation instanceof SecuredRelation', 'const isHidden = false'],
  ]),
  ...mutationsOf('src/language/sql/statement/on-conflict.ts', inSql, [
    ['ON CONFLICT updates what is hidden', '  tests.old?.(shown, run)\n', ''],
  ]),
  ...mutationsOf('src/language/sql/statement/policies.ts', inSql, [
    [
      'who changes definitions changes policies',
      "  if (!transaction.principal.rights.owns(collection)) throw notOwner('table', collection.name)\n",
      "  if (!transaction.principal.rights.ownsAsIf(collection)) throw notOwner('table', collection.name)\n",
    ],
  ]),
  ...mutationsOf('src/gateway/postgres/error-details.ts', inSql, [
    ['an error shows a key that is hidden', '!isSubject(session.rights, found)', 'true'],
  ]),
  ...mutationsOf('src/query/table-documents.ts', inDocuments, [
    [
      'MongoDB finds every row',
      '      const isVisible = row !== undefined && this.#accepts?.(row, this.#reader) !== false\n',
      '      const isVisible = row !== undefined\n',
    ],
    ['MongoDB counts every row', 'this.#policies.concern(reader) ? undefined : reader.count', 'reader.count'],
  ]),
  ...mutationsOf('src/language/mql/writes.ts', inDocuments, [
    [
      'MongoDB deletes what it may only see',
      'purpose) === undefined && source.hasRules',
      'purpose) === null && source.hasRules',
    ],
  ]),
]
