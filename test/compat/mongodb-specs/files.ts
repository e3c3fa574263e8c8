/**
 * The files of the suite: tests in the unified test format of MongoDB's drivers. What is left out concerns no server: tables
 * of connection strings, and files that try whether a runner refuses what is no test.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BSON, type Document } from 'mongodb-of-specs'

export interface Requirement {
  readonly minServerVersion?: string
  readonly maxServerVersion?: string
  readonly topologies?: readonly string[]
  readonly serverParameters?: Document
  readonly auth?: boolean
  readonly authMechanism?: string
  readonly csfle?: boolean | Document
}

export interface Operation {
  readonly name: string
  readonly object: string
  readonly arguments?: Document
  readonly expectError?: Document
  readonly expectResult?: unknown
  readonly saveResultAsEntity?: string
  readonly ignoreResultAndError?: boolean
}

export interface ExpectedEvents {
  readonly client: string
  readonly eventType?: 'command' | 'cmap' | 'sdam'
  readonly events: readonly Document[]
  readonly ignoreExtraEvents?: boolean
}

/** A line of the driver's log, or what is expected of one. */
export interface LogMessage {
  readonly level?: string
  readonly component?: string
  readonly failureIsRedacted?: boolean
  readonly data: Document
}

export interface ExpectedLog {
  readonly client: string
  readonly messages: readonly LogMessage[]
  readonly ignoreMessages?: readonly LogMessage[]
  readonly ignoreExtraMessages?: boolean
}

export interface Data {
  readonly collectionName: string
  readonly databaseName: string
  readonly createOptions?: Document
  readonly documents: readonly Document[]
}

export interface Test {
  readonly description: string
  readonly runOnRequirements?: readonly Requirement[]
  readonly skipReason?: string
  readonly operations: readonly Operation[]
  readonly expectEvents?: readonly ExpectedEvents[]
  readonly expectLogMessages?: readonly ExpectedLog[]
  readonly outcome?: readonly Data[]
}

export interface TestFile {
  /** Below the suite's folder, without its ending. */
  readonly name: string
  readonly runOnRequirements?: readonly Requirement[]
  readonly createEntities?: readonly Document[]
  readonly initialData?: readonly Data[]
  readonly tests: readonly Test[]
}

/** They try the runner: each of their tests is wrong on purpose. */
const aboutRunners = /(?:^|\/)unified-test-format\/(?:invalid|valid-fail)\//

export async function* readFiles(folder: string): AsyncGenerator<TestFile> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json')).sort()
  for (const name of names) {
    if (aboutRunners.test(name.replaceAll('\\', '/'))) continue
    const file = BSON.EJSON.parse(await readFile(join(folder, name), 'utf8'), { relaxed: true }) as TestFile
    if (!('schemaVersion' in file)) continue
    yield {
      ...file,
      name: name
        .slice(0, -5)
        .replace(/^spec\//, '')
        .replace('/unified/', '/'),
    }
  }
}
