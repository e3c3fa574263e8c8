/**
 * What statements are called where they are refused: PostgreSQL's command tags, for each kind that its grammar knows and
 * nothing here builds. The types of the grammar say which those are: one that is built, or comes with a newer grammar, does
 * not compile until this list agrees.
 */
import type { Node, ObjectType } from 'libpg-query'
import { kindOf } from '../bind/tree.ts'

type KindsOf<N> = N extends unknown ? keyof N : never
type StatementKind = Extract<KindsOf<Node>, `${string}Stmt`>

/** Planned by `statements.ts` and `named-statements.ts`, or never a statement by itself. */
type Planned =
  | `${'Select' | 'Insert' | 'Update' | 'Delete' | 'Transaction' | 'Copy' | 'Explain' | 'Comment' | 'Truncate'}Stmt`
  | `${'Create' | 'CreateTableAs' | 'Index' | 'Drop' | 'Createdb' | 'Dropdb' | 'CreateSchema' | 'AlterTable' | 'CreatePolicy' | 'AlterPolicy'}Stmt`
  | `${'Rename' | 'AlterObjectSchema' | 'CreateSeq' | 'AlterSeq' | 'VariableSet' | 'VariableShow' | 'Vacuum'}Stmt`
  | `${'ConstraintsSet' | 'Prepare' | 'Execute' | 'Deallocate' | 'DeclareCursor' | 'Fetch' | 'ClosePortal'}Stmt`
  | `${'AlterDatabase' | 'AlterDatabaseSet' | 'AlterRoleSet' | 'View' | 'RefreshMatView'}Stmt`
  | `${'Discard' | 'Raw' | 'SetOperation' | 'PLAssign' | 'Return' | 'ReplicaIdentity'}Stmt`

type Name = string | ((fields: { readonly [field: string]: unknown }) => string)

const names: Readonly<Record<Exclude<StatementKind, Planned>, Name>> = {
  AlterCollationStmt: 'ALTER COLLATION',
  AlterDatabaseRefreshCollStmt: 'ALTER DATABASE',
  AlterDefaultPrivilegesStmt: 'ALTER DEFAULT PRIVILEGES',
  AlterDomainStmt: 'ALTER DOMAIN',
  AlterEnumStmt: 'ALTER TYPE',
  AlterEventTrigStmt: 'ALTER EVENT TRIGGER',
  AlterExtensionContentsStmt: 'ALTER EXTENSION',
  AlterExtensionStmt: 'ALTER EXTENSION',
  AlterFdwStmt: 'ALTER FOREIGN DATA WRAPPER',
  AlterForeignServerStmt: 'ALTER SERVER',
  AlterFunctionStmt: ({ objtype }) => `ALTER ${objectWords(objtype as ObjectType)}`,
  AlterObjectDependsStmt: ({ objectType }) => `ALTER ${objectWords(objectType as ObjectType)}`,
  AlterOpFamilyStmt: 'ALTER OPERATOR FAMILY',
  AlterOperatorStmt: 'ALTER OPERATOR',
  AlterOwnerStmt: ({ objectType }) => `ALTER ${objectWords(objectType as ObjectType)} OWNER TO`,
  AlterPublicationStmt: 'ALTER PUBLICATION',
  AlterRoleStmt: 'ALTER ROLE',
  AlterStatsStmt: 'ALTER STATISTICS',
  AlterSubscriptionStmt: 'ALTER SUBSCRIPTION',
  AlterSystemStmt: 'ALTER SYSTEM',
  AlterTSConfigurationStmt: 'ALTER TEXT SEARCH CONFIGURATION',
  AlterTSDictionaryStmt: 'ALTER TEXT SEARCH DICTIONARY',
  AlterTableMoveAllStmt: ({ objtype }) => `ALTER ${objectWords(objtype as ObjectType)} ALL IN TABLESPACE`,
  AlterTableSpaceOptionsStmt: 'ALTER TABLESPACE',
  AlterTypeStmt: 'ALTER TYPE',
  AlterUserMappingStmt: 'ALTER USER MAPPING',
  CallStmt: 'CALL',
  CheckPointStmt: 'CHECKPOINT',
  ClusterStmt: 'CLUSTER',
  CompositeTypeStmt: 'CREATE TYPE',
  CreateAmStmt: 'CREATE ACCESS METHOD',
  CreateCastStmt: 'CREATE CAST',
  CreateConversionStmt: 'CREATE CONVERSION',
  CreateDomainStmt: 'CREATE DOMAIN',
  CreateEnumStmt: 'CREATE TYPE',
  CreateEventTrigStmt: 'CREATE EVENT TRIGGER',
  CreateExtensionStmt: 'CREATE EXTENSION',
  CreateFdwStmt: 'CREATE FOREIGN DATA WRAPPER',
  CreateForeignServerStmt: 'CREATE SERVER',
  CreateForeignTableStmt: 'CREATE FOREIGN TABLE',
  CreateFunctionStmt: ({ is_procedure }) => (is_procedure === true ? 'CREATE PROCEDURE' : 'CREATE FUNCTION'),
  CreateOpClassStmt: 'CREATE OPERATOR CLASS',
  CreateOpFamilyStmt: 'CREATE OPERATOR FAMILY',
  CreatePLangStmt: 'CREATE LANGUAGE',
  CreatePublicationStmt: 'CREATE PUBLICATION',
  CreateRangeStmt: 'CREATE TYPE',
  CreateRoleStmt: 'CREATE ROLE',
  CreateStatsStmt: 'CREATE STATISTICS',
  CreateSubscriptionStmt: 'CREATE SUBSCRIPTION',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  CreateTransformStmt: 'CREATE TRANSFORM',
  CreateTrigStmt: 'CREATE TRIGGER',
  CreateUserMappingStmt: 'CREATE USER MAPPING',
  DefineStmt: ({ kind }) => `CREATE ${objectWords(kind as ObjectType)}`,
  DoStmt: 'DO',
  DropOwnedStmt: 'DROP OWNED',
  DropRoleStmt: 'DROP ROLE',
  DropSubscriptionStmt: 'DROP SUBSCRIPTION',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  DropUserMappingStmt: 'DROP USER MAPPING',
  GrantRoleStmt: ({ is_grant }) => (is_grant === true ? 'GRANT ROLE' : 'REVOKE ROLE'),
  GrantStmt: ({ is_grant }) => (is_grant === true ? 'GRANT' : 'REVOKE'),
  ImportForeignSchemaStmt: 'IMPORT FOREIGN SCHEMA',
  ListenStmt: 'LISTEN',
  LoadStmt: 'LOAD',
  LockStmt: 'LOCK TABLE',
  MergeStmt: 'MERGE',
  NotifyStmt: 'NOTIFY',
  ReassignOwnedStmt: 'REASSIGN OWNED',
  ReindexStmt: 'REINDEX',
  RuleStmt: 'CREATE RULE',
  SecLabelStmt: 'SECURITY LABEL',
  UnlistenStmt: 'UNLISTEN',
}

/** Its command tag. */
export function statementName(node: Node): string {
  const kind = kindOf(node)
  const name = (names as Readonly<Record<string, Name | undefined>>)[kind] ?? kind
  return typeof name === 'string' ? name : name(Object.values(node)[0] as { [field: string]: unknown })
}

/** Those that are not spelled as the grammar spells them. */
const objects: Readonly<Partial<Record<ObjectType, string>>> = {
  OBJECT_DEFACL: 'DEFAULT PRIVILEGES',
  OBJECT_DOMCONSTRAINT: 'CONSTRAINT',
  OBJECT_FDW: 'FOREIGN DATA WRAPPER',
  OBJECT_FOREIGN_SERVER: 'SERVER',
  OBJECT_LARGEOBJECT: 'LARGE OBJECT',
  OBJECT_MATVIEW: 'MATERIALIZED VIEW',
  OBJECT_OPCLASS: 'OPERATOR CLASS',
  OBJECT_OPFAMILY: 'OPERATOR FAMILY',
  OBJECT_STATISTIC_EXT: 'STATISTICS',
  OBJECT_TABCONSTRAINT: 'CONSTRAINT',
  OBJECT_TSCONFIGURATION: 'TEXT SEARCH CONFIGURATION',
  OBJECT_TSDICTIONARY: 'TEXT SEARCH DICTIONARY',
  OBJECT_TSPARSER: 'TEXT SEARCH PARSER',
  OBJECT_TSTEMPLATE: 'TEXT SEARCH TEMPLATE',
}

/** MATERIALIZED VIEW, FOREIGN TABLE: what stands behind CREATE, ALTER, DROP and COMMENT ON. */
export function objectWords(type: ObjectType | undefined): string {
  if (type === undefined) return ''
  return objects[type] ?? type.replace('OBJECT_', '').replaceAll('_', ' ')
}
